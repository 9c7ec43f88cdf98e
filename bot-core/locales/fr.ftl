# Les mots de crieur lui-même. Chaque module apporte les siens.
# Des phrases courtes, le vouvoiement, aucun mot de métier. Un texte est montré tel quel : pas de mise en forme.
# Espaces insécables : fine (U+202F) avant ; ! ?, pleine (U+00A0) avant : et à l’intérieur des guillemets.

## /start

start-welcome = Bonjour ! Je suis le crieur public, pour { $organisation }.
start-again = Ravi de vous retrouver ! Je suis toujours le crieur public, pour { $organisation }.
start-what = Je vous pose ici de courtes questions sur la vie locale, et je vous en donne les résultats. Répondre prend une minute.
start-can = Pour voir tout ce que vous pouvez me demander, écrivez /aide.
start-stop = Pour ne plus rien recevoir, écrivez STOP ou /arret, à tout moment.
start-privacy = Je ne garde que ce qu’il faut pour vous répondre et compter les réponses : /mes_donnees vous le montre, /effacer l’efface.

## L’accord pour écrire en premier

# Gardé mot pour mot avec la réponse.
consent-consultation-wording = Voulez-vous recevoir ici les nouvelles consultations proposées par { $organisation } ? Vous pourrez changer d’avis à tout moment en écrivant /arret.
consent-yes = Oui, prévenez-moi
consent-no = Non merci
consent-given = C’est noté : je vous préviendrai ici des nouvelles consultations. Pour arrêter : /arret.
consent-declined = C’est noté : je ne vous écrirai que pour vous répondre. Si vous changez d’avis : /start.

## /aide

help-intro = Voici ce que vous pouvez m’écrire :
help-footer = Vous pouvez aussi toucher les boutons, ou répondre par leur numéro.

## Après une panne

outage-again = J’ai été absent un moment. Si vous avez répondu pendant ce temps, votre réponse ne m’est pas parvenue : voici la question à nouveau.

## Quand je ne peux pas suivre

unknown-command = Je ne connais pas { $command }. Écrivez /aide pour voir ce que je comprends.
not-understood = Je n’ai pas compris. Touchez un bouton, répondez par son numéro, ou écrivez /aide.
command-not-allowed = Cette commande n’est pas disponible ici. Écrivez /aide pour voir celles qui le sont.
command-for-moderators = Dans un salon, cela revient à ses modérateurs. Vous pouvez me le demander en privé, pour vous.
action-forged = Ce bouton n’est pas valable dans cette conversation. Rien n’a été enregistré.
action-stale = Ce bouton n’est plus à jour. Rien n’a été changé : servez-vous du dernier message.
plugin-unavailable = Cette partie du service est arrêtée pour le moment. Ce que vous avez déjà envoyé est gardé. Réessayez plus tard.
service-error = Quelque chose n’a pas marché de mon côté, et rien n’a été enregistré. Réessayez dans un instant.
text-too-long =
    { $maximum ->
        [one] Votre message est trop long : { $maximum } caractère au plus. Rien n’a été enregistré. Raccourcissez-le et renvoyez-le.
       *[other] Votre message est trop long : { $maximum } caractères au plus. Rien n’a été enregistré. Raccourcissez-le et renvoyez-le.
    }
number-out-of-range =
    { $maximum ->
        [one] Il n’y a qu’un choix : répondez { $maximum }.
       *[other] Ce numéro n’est pas dans la liste : répondez par un nombre de 1 à { $maximum }.
    }
group-private = Ici, tout le monde nous lit. Pour répondre, écrivez-moi en privé : personne d’autre ne verra vos réponses.

## /langue

language-ask = Dans quelle langue voulez-vous que je vous écrive ?
language-fr = Français
language-en = English
language-set = C’est entendu, je vous écris en français.

## /arret

stop-done = C’est entendu : je ne vous écrirai plus en premier. Je réponds toujours quand vous m’écrivez. Pour recevoir de nouveau les consultations : /start.
stop-already = Vous ne recevez déjà plus rien de ma part. Pour recevoir de nouveau les consultations : /start.

## /mes_donnees

my-data-intro = Voici tout ce que je garde de vous pour { $organisation }, dans un fichier. Les bulletins des consultations anonymes closes n’y sont pas : plus rien ne les relie à vous.
my-data-file-label = Mes données
# Sans espace ni accent : c’est le nom d’un fichier.
my-data-file-name = mes-donnees.json

## /effacer

erase-ask = Voulez-vous effacer ce que je garde de vous pour { $organisation } ? On ne peut pas revenir en arrière.
erase-removed = Ce qui sera effacé : vos adresses, sur toutes les messageries que vous avez reliées ; votre langue et vos accords ; nos échanges ; vos réponses commencées ; votre nom partout où il accompagne une réponse.
erase-kept = Ce qui reste : les bulletins déjà déposés continuent de compter, sans votre nom. Jusqu’à la clôture des consultations en cours, je garde une empreinte illisible de vos adresses, pour que personne ne vote deux fois. Après la clôture, plus rien ne relie un bulletin anonyme à vous.
erase-yes = Oui, effacer
erase-no = Non, tout garder
erase-done = C’est fait : vos données sont effacées. Si vous m’écrivez de nouveau, ce sera comme la première fois. Au revoir, et merci !
erase-cancelled = Rien n’a été effacé.

## /lier

link-code = Votre code : { $code }
link-how =
    { $minutes ->
        [one] Dans votre autre messagerie, écrivez-moi ceci, d’ici { $minutes } minute : /lier { $code }
       *[other] Dans votre autre messagerie, écrivez-moi ceci, d’ici { $minutes } minutes : /lier { $code }
    }
link-secret = Ne donnez ce code à personne : il sert à vous relier à vous-même.
# Dans la conversation où le code a été écrit.
link-confirm-typed = Ce code a été demandé sur { $platform }. Est-ce bien vous ?
# Dans la conversation qui a demandé le code.
link-confirm-asked = Votre code vient d’être écrit sur { $platform }. Est-ce bien vous ?
link-effect = Si vous dites oui des deux côtés, vous serez une seule personne pour moi : vous répondrez d’où vous voulez, et vous ne compterez qu’une fois. De deux bulletins, celui de l’adresse qui a demandé le code est gardé. Si l’une des deux ne veut rien recevoir, l’autre ne recevra plus rien non plus.
link-yes = Oui, c’est moi
link-no = Non
link-waiting = Merci. Il reste à dire oui sur { $platform }.
link-done = C’est fait : vous êtes maintenant la même personne ici et sur { $platform }. Pour revenir en arrière : /delier.
link-refused = Rien n’a été relié. Si vous n’avez pas demandé de code, vous n’avez rien à faire.
link-wrong-code = Ce code n’est pas le bon. Vérifiez-le, ou demandez-en un autre en écrivant /lier dans votre autre messagerie.
link-expired = Ce code n’est plus valable. Demandez-en un autre en écrivant /lier.
link-limit = Il y a eu trop d’essais. Attendez un peu, puis demandez un autre code en écrivant /lier.
link-own-code = Ce code a été demandé ici même. Écrivez-le dans votre autre messagerie.
link-already = Ces deux messageries sont déjà reliées.

## /delier

unlink-ask = Voulez-vous séparer cette messagerie des autres ?
unlink-effect = Je vous connaîtrai ici comme une personne à part. Là où vous avez déjà répondu, votre bulletin reste avec vos autres messageries, et vous ne pourrez pas répondre une seconde fois d’ici.
unlink-invitation-ask = Voulez-vous détacher cette messagerie de l’invitation que vous avez acceptée ?
unlink-invitation-effect = Je ne vous rappellerai plus les enquêtes ici. Une nouvelle invitation pourra être envoyée, à vous ou à la bonne personne.
unlink-yes = Oui, séparer
unlink-no = Non, rester relié
unlink-done = C’est fait : cette messagerie est de nouveau à part.
unlink-cancelled = Rien n’a changé : vos messageries restent reliées.
unlink-alone = Cette messagerie n’est reliée à aucune autre. Pour en relier une : /lier.

## /invitation

invitation-how = Pour accepter une invitation, ouvrez le lien que vous avez reçu, ou écrivez /invitation suivi de votre code.
# Rien d’autre de la personne n’est montré avant le oui.
invitation-ask =
    Êtes-vous { $name }, { $kind ->
        [commune] de la commune
        [epci] de l’intercommunalité
        [departement] du département
        [region] de la région
       *[other] de la collectivité
    } « { $collectivite } » ?
invitation-ask-name = Êtes-vous { $name } ?
invitation-ask-collectivite = Cette invitation s’adresse à « { $collectivite } ». Est-elle bien pour vous ?
invitation-ask-anybody = Cette invitation est-elle bien pour vous ?
invitation-who = Je vous écris pour { $organisation }, et pour personne d’autre.
invitation-often = Pour chaque enquête, attendez-vous à une invitation et à quelques rappels. Je ne rappelle plus rien dès que votre réponse est connue.
# La règle que le service applique à tout ce qu’il envoie de lui-même.
invitation-cap =
    { $messages ->
        [one] Toutes enquêtes confondues, je ne vous écris pas de moi-même plus d’une fois en { $days } jours.
       *[other] Toutes enquêtes confondues, je ne vous écris pas de moi-même plus de { $messages } fois en { $days } jours.
    }
invitation-stop = Pour ne plus rien recevoir, écrivez STOP, à tout moment.
invitation-kept = Si vous dites oui, je relie cette messagerie à ce que { $organisation } sait déjà de vous : votre nom, votre collectivité, vos coordonnées. Je garde aussi votre accord. /mes_donnees vous montre tout, /effacer l’efface.
# Gardé mot pour mot avec la réponse.
invitation-consent-wording = En répondant « Oui, c’est moi », vous acceptez que je vous écrive ici pour vous inviter à répondre aux enquêtes de { $organisation } et pour vous les rappeler. Vous pourrez changer d’avis à tout moment en écrivant STOP.
invitation-yes = Oui, c’est moi
invitation-no = Non
invitation-welcome = C’est fait, merci ! Je sais maintenant où vous écrire pour { $organisation }.
invitation-more = Si vous utilisez aussi une autre messagerie, /lier la relie à celle-ci. Pour voir tout ce que vous pouvez me demander : /aide.
invitation-disowned = C’est noté : rien n’a été relié, et je n’écrirai pas ici pour cette invitation. Si elle vous a été transmise par erreur, vous n’avez rien à faire.
invitation-no-consent = C’est noté : je ne vous enverrai pas de rappels.
invitation-not-valid = Cette invitation n’est pas valable. Vérifiez votre code, ou ouvrez de nouveau le lien que vous avez reçu.
invitation-expired = Cette invitation a pris fin. Demandez-en une autre à qui vous l’a envoyée.
invitation-used = Cette invitation a déjà servi. Si c’était vous, sur une autre messagerie, écrivez-y /lier : je vous donnerai un code à écrire ici. Sinon, prévenez qui vous l’a envoyée.
invitation-superseded = Une invitation plus récente a remplacé celle-ci. Servez-vous de la dernière que vous avez reçue.
invitation-revoked = Cette invitation a été retirée. Si vous pensez que c’est une erreur, demandez-en une autre à qui vous l’a envoyée.
invitation-limit = Il y a eu trop d’essais. Attendez dix minutes, puis réessayez.
invitation-yours = Vous avez déjà accepté cette invitation : vous n’avez plus rien à faire.
invitation-elsewhere = Je connais déjà la personne invitée sur une autre messagerie. Si c’est vous, écrivez-y /lier : je vous donnerai un code à écrire ici.
invitation-conflict = Cette messagerie est déjà reliée à une autre invitation : je n’ai rien changé, et je le signale à qui vous a invité. Si les deux invitations sont pour vous, dites-le-lui. Si celle-ci est pour quelqu’un d’autre, ouvrez-la depuis sa messagerie.

## L’accord pour une autre messagerie

# Gardé mot pour mot avec la réponse.
address-consent-wording = Puis-je vous écrire ici aussi, pour les enquêtes de { $organisation }, si je ne vous joins pas sur votre autre messagerie ? Vous pourrez changer d’avis à tout moment en écrivant STOP.
address-consent-yes = Oui, ici aussi
address-consent-no = Non, pas ici
address-consent-given = C’est noté : je vous écrirai ici si je ne vous joins pas ailleurs.
address-consent-declined = C’est noté : ici, je ne vous écrirai que pour vous répondre.

## Les invitations sur papier

print-title = Invitations personnelles de { $organisation }
print-invites = Je suis le robot qui écrit pour { $organisation }. Cette invitation vous permet de répondre à ses enquêtes depuis votre messagerie.
print-open = Sur { $network }, visez ce dessin avec l’appareil photo, ou ouvrez ce lien :
print-then = Écrivez-y ensuite le texte donné plus bas.
print-qr = Code QR du lien pour { $network }
print-write = Dans une conversation avec le robot, écrivez :
print-write-else = Ou bien, dans une conversation avec le robot, écrivez :
print-personal = Cette invitation est personnelle et sert une seule fois, jusqu’à cette date : { $until }. On vous demandera d’abord si c’est bien vous.

## Les liens vers la conversation privée

private-link-then = puis écrivez-y
private-link-write = écrivez-moi en message privé

## Quand un message part

# Pour les organisateurs : « reporté au mardi 15 juillet 2025 à 9 h : le 14 juillet est férié (fête nationale) ».
sending-postponed = reporté au { $moment } : { $reasons }
sending-never = aucune heure ne convient avant un an : { $reasons }
sending-hours-organisation = hors des heures d’envoi de l’organisation
sending-hours-sender = hors des heures d’envoi de cette campagne
sending-hours-recipient = hors des heures choisies par la personne
sending-weekend = pas de message le samedi ni le dimanche
sending-holiday = le { $day } est férié ({ $holiday })
sending-pressure =
    { $messages ->
        [one] la personne a déjà reçu { $messages } message
       *[other] la personne a déjà reçu { $messages } messages
    } en { $days ->
        [one] { $days } jour
       *[other] { $days } jours
    }
hours-always = à toute heure
hours-never = jamais
hours-every-day = tous les jours
hours-one-day = le { $day }
hours-days = du { $first } au { $last }
hours-whole-day = toute la journée
hours-span = de { $from } à { $to }
holiday-new-year = jour de l’An
holiday-good-friday = Vendredi saint
holiday-easter-monday = lundi de Pâques
holiday-labour-day = fête du Travail
holiday-victory-1945 = victoire de 1945
holiday-ascension = Ascension
holiday-whit-monday = lundi de Pentecôte
holiday-bastille-day = fête nationale
holiday-assumption = Assomption
holiday-all-saints = Toussaint
holiday-armistice-1918 = armistice de 1918
holiday-christmas = Noël
holiday-saint-stephen = Saint-Étienne
holiday-abolition-of-slavery = abolition de l’esclavage
holiday-victor-schoelcher = fête de Victor Schœlcher
holiday-arrival-of-the-gospel = arrivée de l’Évangile
holiday-autonomy-day = fête de l’autonomie
holiday-matarii = Matari’i
holiday-saint-pierre-chanel = Saint-Pierre-Chanel
holiday-territory-day = fête du Territoire
holiday-citizenship-day = fête de la citoyenneté
territory-metropole = France métropolitaine
territory-alsace-moselle = Alsace et Moselle
territory-guadeloupe = Guadeloupe
territory-martinique = Martinique
territory-guyane = Guyane
territory-reunion = La Réunion
territory-saint-pierre-et-miquelon = Saint-Pierre-et-Miquelon
territory-mayotte = Mayotte
territory-saint-barthelemy = Saint-Barthélemy
territory-saint-martin = Saint-Martin
territory-wallis-et-futuna = Wallis-et-Futuna
territory-polynesie-francaise = Polynésie française
territory-nouvelle-caledonie = Nouvelle-Calédonie

## /horaires

my-hours-now = Quand je vous écris sans que vous me l’ayez demandé, c’est { $hours }. Votre heure est celle de ce lieu : { $zone }.
my-hours-organisation = Quoi que vous choisissiez, { $organisation } n’écrit que dans ces heures : { $hours }.
my-hours-ask = Quand voulez-vous que je vous écrive ? Je réponds toujours tout de suite quand vous m’écrivez.
my-hours-any-time = À toute heure
my-hours-daytime = De 8 h à 20 h
my-hours-office = Du lundi au vendredi, de 9 h à 18 h
my-hours-zone = Changer de fuseau horaire
my-hours-zone-ask = L’heure de quel lieu est la vôtre ?
my-hours-set = C’est noté. Quand je vous écrirai sans que vous me l’ayez demandé, ce sera { $hours }. Votre heure est celle de ce lieu : { $zone }.
zone-marquesas = Îles Marquises
zone-gambier = Îles Gambier
