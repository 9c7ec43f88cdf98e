# Ce que disent les micro-consultations. Le vouvoiement, des phrases courtes, des mots de tous les jours.

## Liste

list-heading = Consultations en cours
list-none = Aucune consultation n’est ouverte en ce moment. Vous pouvez revoir les résultats des précédentes avec /resultats.
list-item = { $title } : jusqu’au { $closing }
list-answer = Répondre : { $title }
list-more = Suite (encore { $count })
list-answered = Revoir : { $title }

## Avant de répondre

unknown = Cette consultation n’existe pas ou n’existe plus. La liste est dans /consultations.
not-open-yet = « { $title } » n’est pas encore ouverte. Elle ouvrira le { $opening }.
not-open = « { $title } » n’est pas encore ouverte.
in-group = Ici, d’autres personnes peuvent lire vos réponses. Écrivez-moi en message privé, envoyez /consultations et répondez à « { $title } » à l’abri des regards.
not-accepted = « { $title } » est réservée aux personnes qui écrivent depuis un compte de messagerie. Depuis votre messagerie, envoyez-moi /consultations ; ou reliez-la à cette conversation avec /lier.
not-accepted-session = « { $title } » ne se remplit que depuis la page web. Ouvrez-la dans votre navigateur.
closed = « { $title } » est close depuis le { $closing }. Merci à toutes les personnes qui ont participé.

consent-heading = Votre accord
consent-standard = « { $title } » n’est pas anonyme : vos réponses seront conservées avec votre compte et l’équipe organisatrice pourra les lire. Elles peuvent révéler vos opinions. Acceptez-vous qu’elles soient enregistrées sous votre nom, pour cette consultation seulement ? Vous pourrez demander leur effacement à tout moment avec /effacer.
consent-agree = J’accepte
consent-decline = Je refuse
consent-declined = C’est noté : rien n’a été enregistré. Si vous changez d’avis, envoyez /consultations.

## Répondre

progress = Question { $number }/{ $total }
promise-anonymous = Consultation anonyme : après la clôture, crieur lui-même ne peut plus savoir qui a répondu quoi ; une sauvegarde antérieure le pourrait encore.
promise-named = Vos réponses sont enregistrées sous votre nom, comme vous l’avez accepté.
open-until = Vous pouvez répondre jusqu’au { $closing }.
choose-one = Choisissez une réponse.
choose-several = { $most ->
    [one] Choisissez une réponse, puis « Continuer ».
   *[other] Choisissez de { $least } à { $most } réponses, puis « Continuer ».
}
choose-exactly = { $most ->
    [one] Choisissez une réponse, puis « Continuer ».
   *[other] Choisissez { $most } réponses, puis « Continuer ».
}
choose-step = Choisissez de « { $lowest } » à « { $highest } ».
write-answer = Écrivez votre réponse dans un message ({ $characters } caractères au plus).
written-answer = Votre réponse : « { $answer } ». Écrivez un autre message pour la remplacer.
optional = Cette question est facultative.
too-few = Il faut choisir au moins { $least ->
    [one] une réponse
   *[other] { $least } réponses
} pour continuer.
too-many = { $most ->
    [one] Une seule réponse est possible : retirez d’abord celle que vous aviez choisie.
   *[other] { $most } réponses au plus : retirez-en une avant d’en choisir une autre.
}
text-too-long = Votre réponse fait { $characters } caractères ; il en faut { $most } au plus. Elle n’est pas enregistrée : envoyez-en une plus courte.
text-empty = Votre réponse est vide : écrivez quelques mots.
stale = Ce bouton appartenait à une question précédente. Voici où vous en êtes.

step-back = ← Revenir
step-next = Continuer →
step-skip = Passer
step-abandon = Arrêter
step-results = Voir les résultats sans répondre

review-heading = Relisez vos réponses
review-unanswered = sans réponse
review-hint = Votre bulletin n’est pas encore enregistré : appuyez sur « Déposer mon bulletin ».
review-cast = Déposer mon bulletin

abandoned = Vos réponses à « { $title } » ont été jetées, rien n’a été enregistré. Vous pouvez reprendre avec /consultations.
abandoned-kept = Vos nouvelles réponses ont été jetées. Le bulletin que vous aviez déposé compte toujours.

## Le bulletin

receipt = Votre bulletin est enregistré. Merci !
receipt-changed = Votre bulletin est enregistré : il remplace le précédent. Merci !
receipt-already = Votre bulletin est enregistré pour « { $title } ».
receipt-change = Vous pouvez le modifier ou le retirer jusqu’au { $closing }.
receipt-final = Il ne peut plus être modifié.
receipt-secret = Pour que personne ne puisse le lire, je ne réaffiche jamais un bulletin déposé.
receipt-results-later = Les résultats seront publiés à la clôture, le { $closing }.
already-cast = Vous avez déjà déposé un bulletin pour « { $title } », et cette consultation n’accepte pas de modification. Il compte toujours.
button-change = Modifier mon bulletin
button-withdraw = Retirer mon bulletin
button-results = Voir les résultats
button-answer = Répondre
withdraw-ask = Voulez-vous retirer votre bulletin de « { $title } » ? Il ne comptera plus. Vous pourrez en déposer un autre jusqu’à la clôture.
withdraw-confirm = Oui, le retirer
withdraw-keep = Non, le garder
withdrawn = Votre bulletin est retiré : il ne compte plus.
no-ballot = Vous n’avez pas de bulletin dans « { $title } ».

## Résultats

results-heading = Résultats : { $title }
results-list-heading = Résultats
results-list-none = Aucun résultat n’est encore publié.
results-hidden-close = Les résultats de « { $title } » seront publiés à la clôture, le { $closing }.
results-hidden-vote = Les résultats de « { $title } » s’affichent une fois que vous avez répondu ; ils seront publics à la clôture, le { $closing }.
results-hidden-group = Les résultats de « { $title } » se lisent en message privé jusqu’à la clôture, le { $closing }.
results-not-yet = Les résultats s’afficheront à partir de { $from } bulletins, pour que personne ne puisse deviner une réponse.
results-too-few = Moins de { $from } bulletins ont été déposés : pour que personne ne puisse deviner une réponse, seule la participation est publiée.
results-live = Résultats provisoires sur { $ballots ->
    [one] { $ballots } bulletin
   *[other] { $ballots } bulletins
}, mis à jour tous les { $step } bulletins au moins.
results-live-now = Résultats provisoires sur { $ballots ->
    [one] { $ballots } bulletin
   *[other] { $ballots } bulletins
}.
results-final = Résultats définitifs sur { $ballots ->
    [one] { $ballots } bulletin
   *[other] { $ballots } bulletins
}.
results-nobody = Personne n’a répondu.
results-page = Tous les résultats sur le web
results-chart = Graphique : { $sentence }
results-texts = { $count ->
    [one] Une réponse écrite.
   *[other] { $count } réponses écrites.
}
results-texts-later = { $count ->
    [one] Une réponse écrite, publiée à la clôture.
   *[other] { $count } réponses écrites, publiées à la clôture dans le désordre.
}
results-texts-more = { $count ->
    [one] Et une autre sur la page des résultats.
   *[other] Et { $count } autres sur la page des résultats.
}
chart-several = Plusieurs réponses étaient possibles.
participation = Participation : { $ballots ->
    [one] { $ballots } bulletin
   *[other] { $ballots } bulletins
}
participation-session = { $ballots ->
    [one] { $ballots } depuis un navigateur, un par session
   *[other] { $ballots } depuis un navigateur, un par session
}
participation-account = { $ballots ->
    [one] { $ballots } depuis un compte de messagerie, un par compte
   *[other] { $ballots } depuis un compte de messagerie, un par compte
}
participation-code = { $ballots } avec un code, un par personne

## Annonce

announcement = Une nouvelle consultation est ouverte : « { $title } ».
announcement-until = Vous pouvez répondre jusqu’au { $closing }, en { $questions ->
    [one] une question
   *[other] { $questions } questions
}.

## Organiser

manage-heading = Vos consultations
manage-none = Aucune consultation pour l’instant. Créez la première avec /nouvelle_consultation.
manage-item = { $title } : { $state }
state-draft = brouillon
state-scheduled = ouvre le { $opening }
state-open = ouverte jusqu’au { $closing }
state-closed = close depuis le { $closing }
manage-participation = { $ballots ->
    [0] Aucun bulletin.
    [one] { $ballots } bulletin.
   *[other] { $ballots } bulletins.
}
manage-announced = Annoncée le { $when }.
manage-page = Page publique
button-open = Ouvrir maintenant
button-announce = Annoncer
button-extend = Prolonger
button-close = Clore
button-export = Exporter le fichier
button-discard = Jeter ce brouillon
button-preview = Aperçu
button-back-to-list = Toutes mes consultations
extend-ask = De combien de jours prolonger « { $title } » ? Elle se termine le { $closing }.
extend-days = { $days ->
    [one] Un jour
   *[other] { $days } jours
}
extended = « { $title } » est prolongée jusqu’au { $closing }.
discard-ask = Jeter le brouillon « { $title } » ? Il ne pourra pas être retrouvé.
discard-confirm = Oui, le jeter
discard-cancel = Non, le garder
discarded = Le brouillon « { $title } » est jeté : son nom est libre à nouveau.
close-ask = Clore « { $title } » maintenant ? C’est définitif : les bulletins sont mélangés, la clé qui les protège est détruite, et plus personne ne pourra répondre.
close-confirm = Oui, clore maintenant
close-cancel = Non, la laisser ouverte
closed-now = « { $title } » est close.
opened = « { $title } » est ouverte jusqu’au { $closing }. Annoncez-la pour prévenir les personnes qui ont accepté d’être contactées.
announced = L’annonce de « { $title } » part vers les personnes qui ont accepté d’être contactées.
refused-announced = Cette consultation a déjà été annoncée le { $when } : personne n’aime recevoir deux fois le même message.
refused-not-open = Cette consultation n’est pas ouverte.
refused-already-open = Cette consultation est déjà ouverte.
refused-closed = Cette consultation est close, et une consultation close le reste.
refused-closing-past = La clôture prévue est déjà passée : choisissez une date à venir.
refused-anonymous = Cette consultation est anonyme : personne ne lit ses bulletins avec leurs auteurs.
refused-not-draft = Seul un brouillon peut être jeté.
refused-extension = Une prolongation va de 1 à { $days } jours.
refused-slug = Le nom « { $slug } » est déjà pris : choisissez-en un autre.
refused-role = Ce bouton est réservé aux organisateurs. Votre droit est lié à une adresse : vérifiez que vous écrivez depuis la bonne.
refused-unknown = Cette consultation n’existe pas.
refused-file = Le fichier de la consultation est à corriger : { $problems }
export-label = Fichier de la consultation « { $title } », à relire ou à réutiliser.
preview-heading = Aperçu
preview-note = Voici ce que recevront les participants, question par question.

## Composer

compose-title = Composons une consultation ensemble. Quel est son titre ? Écrivez-le en une ligne, par exemple « La place du marché ».
compose-question = Écrivez la question numéro { $number }, telle que les habitants la liront.
compose-kind = Comment y répond-on ?
compose-kind-single = Une seule réponse
compose-kind-multiple = Plusieurs réponses
compose-kind-rating = Une note de 1 à 5
compose-kind-text = Une réponse écrite
compose-options = Écrivez les réponses possibles, une par ligne (de 2 à 20).
compose-more = La question { $number } est prête. On en ajoute une autre ?
compose-add = Ajouter une question
compose-enough = C’est tout
compose-anonymity = Les réponses sont-elles anonymes ?
compose-anonymous = Anonymes
compose-named = Nominatives
compose-results = Quand voit-on les résultats ?
compose-results-always = À tout moment
compose-results-after-vote = Après avoir répondu
compose-results-after-close = À la clôture
compose-duration = Combien de jours reste-t-elle ouverte ?
compose-preview = Voici votre consultation. Relisez-la comme un habitant la lira.
compose-facts = { $anonymity }, { $days ->
    [one] un jour
   *[other] { $days } jours
}, résultats : { $results }.
compose-save-open = Ouvrir maintenant
compose-save = Garder en brouillon
compose-restart = Recommencer
compose-cancel = Abandonner
compose-cancelled = La composition est abandonnée. Rien n’a été gardé.
compose-nothing = Aucune consultation n’est en cours de composition. Commencez avec /nouvelle_consultation.
compose-saved = « { $title } » est gardée en brouillon.
compose-text-title = Le titre doit tenir en { $most } caractères ; le vôtre en a { $characters }. Écrivez-en un plus court.
compose-text-question = La question doit tenir en { $most } caractères ; la vôtre en a { $characters }. Écrivez-en une plus courte.
compose-text-options = Il faut de { $least } à { $most } réponses différentes, une par ligne, de { $characters } caractères au plus chacune. Envoyez la liste à nouveau.
compose-only-private = La composition se fait en message privé : écrivez-moi directement et envoyez /nouvelle_consultation.
scale-1 = Pas du tout
scale-2 = Plutôt non
scale-3 = Ni oui ni non
scale-4 = Plutôt oui
scale-5 = Tout à fait

## Page publique

page-list-title = Consultations
page-list-open = En cours
page-list-closed = Closes
page-list-empty = Aucune consultation n’est publiée pour l’instant.
page-skip = Aller au contenu
page-other-language = In English
page-open-until = Ouverte jusqu’au { $closing }
page-closed-on = Close le { $closing }
page-opens-on = Ouvre le { $opening }
page-how-to-answer = Pour répondre, écrivez au service en message privé et envoyez /consultations.
page-participation = Participation
page-assurance = Comment un bulletin est compté une fois
page-ballots = Bulletins
page-total = Total
page-assurance-session = Par session de navigateur
page-assurance-account = Par compte de messagerie
page-assurance-code = Par code personnel
page-results = Résultats
page-texts = Réponses écrites, dans le désordre
page-method = Méthode
page-method-account = Un bulletin par compte : la même personne sur deux comptes non reliés compte deux fois.
page-method-session = Les bulletins déposés depuis un navigateur sont comptés par session : ouvrir un second navigateur permet un second bulletin. Ils sont indiqués à part dans la participation.
page-method-anonymous = Consultation anonyme. À la clôture, les bulletins sont réécrits dans un ordre tiré au hasard et la clé qui les reliait à la liste de participation est détruite : ensuite, crieur lui-même ne peut plus savoir qui a répondu quoi. Avant la clôture, l’opérateur du service pourrait faire ce lien ; une sauvegarde faite avant la clôture le pourrait encore après.
page-method-named = Consultation nominative : chaque personne a donné son accord avant de répondre. Les noms ne sont pas publiés.
page-method-base = Les pourcentages se rapportent aux bulletins qui ont répondu à la question ; ceux qui l’ont passée ne sont pas comptés. Quand plusieurs réponses sont possibles, la somme dépasse 100 %.
page-method-texts = Chaque réponse écrite est détachée de son bulletin et mélangée aux autres.
page-method-hash = Empreinte SHA-256 du texte des questions :
page-csv = Télécharger tous les bulletins (CSV) pour les recompter
page-back = Toutes les consultations

## Dans les salons

goes-on-in-private = « { $title } » : la suite se passe en message privé, à l’abri des regards. Si vous n’y voyez rien de moi, ouvrez la conversation vous-même :
private-answer = Répondre en privé
private-invitation = « { $title } » vous attend ici. Touchez « Répondre » pour écrire votre réponse.
announcement-private = Les réponses se donnent en message privé : dans ce salon, tout le monde peut lire.
announcement-votes = Consultation nominative : on peut aussi répondre ici, dans le sondage ci-dessous ou en réagissant à ce message. Tout le salon voit alors votre choix, et il est enregistré sous votre nom une fois que vous l’avez accepté.
announce-in-the-room = Tapez /annoncer suivi du nom de la consultation dans le salon où l’annoncer.
announce-which = Tapez /annoncer suivi du nom de la consultation, par exemple /annoncer place-du-marche.
vote-anonymous = « { $title } » est anonyme : ce que vous avez fait dans le salon est visible de tous et n’est donc pas compté. Répondez ici, à l’abri des regards.
vote-not-here = « { $title } » ne se remplit pas dans le salon : ce que vous y avez fait n’est pas compté. Répondez ici.
vote-needs-consent = Vous avez répondu à « { $title } » dans le salon. Pour que votre choix compte, il me faut d’abord votre accord.
refused-no-room = Il n’y a pas de salon { $number } où je puisse écrire : « crieur consultation rooms » donne la liste.

## Codes

not-accepted-code = « { $title } » se remplit avec un code personnel. Si vous en avez reçu un, envoyez /participer suivi de ce code.
not-accepted-or-code = Si vous avez reçu un code personnel, envoyez /participer suivi de ce code.
code-ask = Écrivez votre code personnel, par exemple 7F3KQ-M2XD9. Il est valable pour une seule personne.
code-in-private = Un code se donne en message privé.
code-in-group = Un code se donne en message privé. Celui que vous venez d’écrire a pu être lu par d’autres : donnez-le vite, ou demandez-en un autre.
code-link = Donner mon code en privé
code-wrong = Ce code n’est pas bon. Vérifiez chaque signe : il en faut dix, et il n’y a ni I, ni L, ni O, ni U. Un code ne vaut que jusqu’à la clôture de sa consultation.
code-used = Ce code a déjà servi pour « { $title } ». Si c’est le vôtre et que vous l’avez donné depuis une autre messagerie, reliez les deux avec /lier.
code-second = Vous participez déjà à « { $title } » avec un code. Celui-ci reste valable pour la personne à qui il est destiné.
code-taken = Votre code est accepté pour « { $title } ».
code-too-many = Trop de codes essayés : réessayez dans une heure.
refused-no-codes = Cette consultation n’accepte pas de code : écrivez accepts = ["code"] dans son fichier.
refused-code-count = Demandez de 1 à { $most } codes.
page-method-code = Les bulletins déposés avec un code personnel sont comptés par personne : chaque code ne vaut que pour un bulletin. Qui a distribué les codes sait à qui.

## Sondages informels

pulse-label = Sondage informel : ce n’est pas un vote.
pulse-question = { $question } (sondage informel)
pulse-until = Vous pouvez répondre jusqu’au { $closing }. Sur certaines messageries, les autres voient votre choix.
pulse-in-words = Cette messagerie n’a pas de sondage : les réponses données ici ne peuvent pas être comptées.
pulse-in-the-room = Tapez /sondage dans le salon où poser la question.
pulse-how = Tapez /sondage, la question, puis les réponses, séparées par des barres. Par exemple : /sondage Faut-il ouvrir le soir ? | Oui | Non. Le sondage se termine après 24 heures, ou avec /clore_sondage.
pulse-none-here = Aucun sondage informel n’est ouvert ici.
pulse-closing = Le sondage est clos. Le résultat arrive dès que les messageries l’ont compté.
pulse-result-heading = Résultat du sondage informel
pulse-option = Choix
pulse-unknown = inconnu
pulse-unknown-rooms = { $platform } : { $rooms ->
    [one] dans un salon, le nombre de réponses est inconnu et n’est pas dans ce tableau.
   *[other] dans { $rooms } salons, le nombre de réponses est inconnu et n’est pas dans ce tableau.
}
pulse-not-added = Chaque messagerie compte à sa façon et une même personne peut répondre plusieurs fois : ces nombres ne s’additionnent pas et ne s’ajoutent à aucun bulletin.
pulse-page = Le détail, salon par salon
pulse-open-until = Ouvert jusqu’au { $closing }
pulse-closed-on = Clos le { $closing }
pulse-room = Salon { $number }
pulse-csv = Télécharger les nombres (CSV)
pulse-json = Télécharger les nombres (JSON)
refused-no-rooms = Dites dans quels salons poser la question : « crieur consultation rooms » donne la liste.
refused-rooms-max = Un sondage se pose dans { $most } salons au plus.
pulse-limits = Il faut une question de { $question } caractères au plus, et de { $least } à { $most } réponses différentes de { $characters } caractères au plus.
refused-pulse-unknown = Ce sondage n’existe pas.
refused-pulse-draft = Ce sondage n’est pas ouvert.
refused-pulse-open = Ce sondage est déjà ouvert.
refused-pulse-closed = Ce sondage est clos.
