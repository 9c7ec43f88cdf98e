# Jeux de données : ce qui ne va pas, ce qui a changé, et leurs lignes pour tout le monde.

remote-more = et { $count } autres
remote-status = le serveur répond par le statut HTTP { $status } : vérifiez l’adresse de la source
remote-down = le serveur est en panne : rien à faire, il sera redemandé
remote-refused = le portail refuse la requête ({ $code }) : { $message } Vérifiez filter et columns dans le fichier de la lettre
remote-quota = le quota d’appels du portail est épuisé : demandez moins souvent (every_minutes)
remote-quota-until = le quota d’appels du portail est épuisé jusqu’au { $until } (UTC) : demandez moins souvent (every_minutes)
remote-unknown-dataset = le portail ne connaît pas ce jeu de données : corrigez dataset_id, qui suit /datasets/ dans l’adresse de sa page
remote-not-public = ce jeu de données n’est pas public : demandez au portail de l’ouvrir
remote-nothing-matches = aucun enregistrement ne correspond : élargissez filter, ou vérifiez que le jeu de données n’est pas vide
remote-never-the-same = le jeu de données change pendant qu’on le lit : la lecture reprendra au prochain passage
remote-not-an-api = ce qui répond n’est pas l’API Explore v2.1 d’Opendatasoft : donnez l’adresse du portail, comme https://data.example.org

table-too-large = le fichier est trop gros (plus de 32 Mio) : retirez les colonnes inutiles, ou partagez-le
table-too-many-rows = il y a plus de 100 000 lignes : filtrez-les, ou partagez le tableau
table-too-many-columns = il y a plus de 500 colonnes : retirez celles qui ne servent pas
table-no-rows = il n’y a aucune ligne : un tableau a une ligne par indicateur, édition et strate
table-web-page = c’est une page web et non un tableau : donnez l’adresse du fichier lui-même
table-workbook = c’est un classeur : enregistrez la feuille en « CSV UTF-8 »
table-unreadable = le tableau ne peut pas être lu : { $words }
table-not-json = ce n’est pas un tableau JSON d’objets : { $words }
table-missing-column = la colonne « { $wanted } » manque ; il y a { $there } : renommez-la, ou nommez celle qui la remplace
table-column-twice = les colonnes « { $one } » et « { $another } » disent la même chose : retirez-en une
table-cell = { $place }, colonne « { $column } » : « { $read } » { $fault }
table-row = { $place } : { $fault }
place-line = ligne { $number }
place-record = enregistrement { $number }
fault-no-number = n’est pas un nombre : écrivez-le en chiffres, comme 66,7 ou 1 234, ou retirez la ligne
fault-two-readings = se lit de deux façons : écrivez 1 234 pour plus de mille, ou une décimale de plus ou de moins
fault-too-many-digits = a trop de chiffres : écrivez-en 15 au plus, et 10 décimales
fault-empty = est vide : écrivez la valeur, ou retirez la ligne
fault-too-long = dépasse { $max } caractères : raccourcissez
fault-over-hundred = dépasse 100 % : écrivez une part de 0 à 100, ou une autre unité
fault-below-zero = est négatif : rien ne compte moins que 0
fault-bad-base = n’est pas un nombre entier de réponses : écrivez combien il y en a eu, ou laissez vide si ce n’est pas publié
fault-unknown-unit = n’est pas une unité : écrivez percent, count ou euro
fault-no-unit = n’a pas d’unité : écrivez % après la valeur, ou ajoutez une colonne unité avec percent, count ou euro
fault-other-unit = contredit la colonne unité, qui dit { $unit } : corrigez l’une des deux
fault-contradicts = contredit la { $first }, pour les mêmes indicateur, édition et strate : gardez l’une des deux
fault-not-one-value = n’est ni un texte ni un nombre : écrivez une seule valeur par case
fault-row = ne peut pas être lu : { $words }

remark-column-appeared = Une colonne est apparue : « { $column } ».
remark-column-vanished = Une colonne a disparu : « { $column } ».
remark-column-renamed = Une colonne a changé de nom : « { $from } » est devenue « { $to } ».
remark-rows-vanished = { $rows ->
    [one] Une ligne de la version précédente a disparu : { $first }.
   *[other] { $rows } lignes de la version précédente ont disparu, dont : { $first }.
}
remark-rows-repeated = { $rows ->
    [one] Une ligne était écrite deux fois.
   *[other] { $rows } lignes étaient écrites deux fois.
}

data-title = Jeu de données { $dataset }, version { $version }
data-origin = { $rows ->
    [one] Une ligne, lue dans { $origin } le { $moment } (UTC). Cette version ne changera jamais.
   *[other] { $rows } lignes, lues dans { $origin } le { $moment } (UTC). Cette version ne changera jamais.
}
data-csv = Télécharger en CSV
data-remarks = À savoir
data-caption = Les chiffres, ligne par ligne
data-column-row = Ligne
data-column-indicator = Indicateur
data-column-edition = Édition
data-column-stratum = Strate
data-column-value = Valeur
data-column-base = Base (réponses)
data-everybody = ensemble
data-base-unknown = non publiée
data-skip = Aller au contenu
data-other-language = English
