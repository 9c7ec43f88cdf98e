# Where a campaign stands.
report-state-draft = brouillon
report-state-approved = en cours
report-state-paused = en pause
report-state-cancelled = annulée
report-state-closed = terminée
report-read-at = Campagne { $state }, date limite { $deadline }. Chiffres du { $moment }.

# Sentences.
report-nobody = Personne n’est encore sollicité.
report-answered = Réponses : { $answered } sur { $all } ({ $rate }){ $declared ->
    [0] .
    [one] , dont une réponse déclarée seulement.
   *[other] , dont { $declared } réponses déclarées seulement.
}
report-messages = Messages envoyés : { $sent } sur { $planned } prévus{ $unknown ->
    [0] .
    [one]  ; d’un autre, nul ne sait s’il est arrivé.
   *[other]  ; de { $unknown } autres, nul ne sait s’ils sont arrivés.
}
report-coverage = Couverture : { $covered } sur { $reference } collectivités de la population de référence ({ $rate }).
report-coverage-asked = Sans population de référence, la couverture est celle des sollicités : { $covered } sur { $reference } ({ $rate }).
report-outside = Réponses hors de cette population : { $outside }.
report-lowest = Taux le plus bas : { $stratum } ({ $rate }).
report-nothing-measured = Rien à mesurer ici.
report-unmatched = { $count ->
    [one] Une réponse ne correspond à personne : à vérifier.
   *[other] { $count } réponses ne correspondent à personne : à vérifier.
}
report-wrong = Des chiffres ne concordent pas : prévenez la personne qui exploite le service.

# Titles of sections, charts and tables.
report-progress = Où en sont les réponses
report-contacts = Qui a reçu un message, et où en sont les réponses
report-messages-title = Ce que sont devenus les messages
report-reasons = Messages par état et par raison
report-coverage-title = Couverture
report-by-kind = Par type de collectivité
report-by-population = Par tranche de population
report-by-region = Par région
report-reminders = Ce que chaque étape a apporté
report-wishes = Ce que les destinataires ont dit
report-next = Qui relancer ensuite
report-files = Télécharger les données

# Columns.
report-column-progress = Avancement
report-column-respondents = Répondants
report-column-of-all = Sur
report-column-contact = Message
report-column-state = État
report-column-reason = Raison
report-column-messages = Messages
report-column-planned = Prévus
report-column-sent = Envoyés
report-column-unknown = Incertains
report-column-answers = Réponses
report-column-step = Étape
report-column-step-kind = Genre
report-column-kind = Type
report-column-population = Habitants
report-column-region = Région
report-column-reference = Référence
report-column-covered = Couvertes
report-column-coverage = Couverture
report-column-asked = Sollicités
report-column-answered = Ont répondu
report-column-response = Taux de réponse
report-column-wish = Choix
report-column-times = Fois
report-column-people = Personnes
report-column-place = Rang
report-column-name = Nom
report-column-code = Code
report-column-how = Comment
report-column-why = Pourquoi
report-all = Ensemble
report-unknown = Non renseigné

# Strata.
report-kind-commune = Communes
report-kind-epci = Intercommunalités
report-kind-departement = Départements
report-kind-region = Régions
report-kind-other = Autres
report-band-under-2000 = Moins de 2 000
report-band-2000 = 2 000 à 9 999
report-band-10000 = 10 000 à 49 999
report-band-50000 = 50 000 à 99 999
report-band-100000 = 100 000 et plus

# States.
report-message-waiting = En attente
report-message-handed = Remis à l’envoi
report-message-sent = Envoyés
report-message-unknown = Incertains
report-message-failed = En échec
report-message-expired = Trop tard
report-message-suppressed = Retenus
report-message-cancelled = Annulés
report-contact-written = Message envoyé
report-contact-uncertain = Envoi incertain
report-contact-to-come = Message à venir
report-contact-unneeded = Réponse sans message
report-contact-withdrawn = Message retiré
report-contact-unreachable = Injoignable
report-progress-silent = Sans nouvelles
report-progress-opened = Lien ouvert
report-progress-started = Réponse commencée
report-progress-declared = Réponse déclarée
report-progress-confirmed = Réponse confirmée
report-progress-refused = Refus
report-step-invitation = Invitation
report-step-reminder = Relance
report-step-organisers = Aux organisateurs
report-step-removed = Étape retirée
report-answers-before = Avant tout message
report-answers-unattributed = Étape inconnue

report-wish-answer-now = Répondre maintenant
report-wish-later = Me le rappeler plus tard
report-wish-already-answered = Déjà répondu
report-wish-not-answered = Finalement pas répondu
report-wish-not-mine = Pas la bonne personne
report-wish-mine = Finalement la bonne personne
report-wish-stop = Ne plus rien recevoir
report-wish-resume = Reprendre les messages

# Reasons, as a table names them.
report-reason-none = Sans raison particulière
report-reason-before-opening = Avant l’ouverture
report-reason-calendar = Heures, jours ou plafond
report-reason-too-soon = Trop proche du message précédent
report-reason-joined = Ajout en cours de campagne
report-reason-snoozed = Rappel demandé plus tard
report-reason-paused = Campagne en pause
report-reason-postponed = Reporté à l’envoi
report-reason-not-addressed = Étape pour d’autres contacts
report-reason-excluded = Exclusion
report-reason-unreachable = Pas d’adresse
report-reason-blocked = Compte bloqué par la personne
report-reason-no-other-address = Pas d’autre adresse acceptée
report-reason-no-consent = Pas d’accord pour des rappels
report-reason-stopped = A dit STOP
report-reason-campaign-stopped = Ne veut plus rien de cette campagne
report-reason-not-mine = Pas la bonne personne
report-reason-gone = N’est plus parmi les contacts
report-reason-no-token = Pas de jeton pour le questionnaire
report-reason-answered = La collectivité a répondu
report-reason-refused = La collectivité ne répondra pas
report-reason-over = Étape déjà passée
report-reason-had = Étape déjà traitée
report-reason-reminders-max = Nombre maximal de rappels atteint
report-reason-condition = Condition de l’étape non remplie
report-reason-missed = Trop tard après une panne
report-reason-after-deadline = Après la date limite
report-reason-never = Aucune heure ne convient
report-reason-deadline = Date limite passée
report-reason-no-longer-planned = N’est plus prévu
report-reason-cancelled = Campagne annulée
report-reason-outbox = Refusé à l’envoi

# Whom to remind next.
report-why = { $stratum } : { $covered } sur { $reference } ({ $rate }), la ligne la plus basse ; { $messages ->
    [0] aucun message reçu
    [one] un message reçu
   *[other] { $messages } messages reçus
}
report-how-chat = Par message
report-how-otherwise = Téléphone ou courrier
report-rule-row = Parmi toutes les lignes des trois tableaux de couverture (type, population, région) où quelqu’un peut encore être relancé, on prend celle dont la couverture est la plus basse ; à égalité, celle à qui il manque le plus de réponses, puis la plus haute dans les tableaux.
report-rule-body = Dans cette ligne, on prend la collectivité qui a reçu le moins de messages ; à égalité la plus peuplée, puis la première par code.
report-rule-again = On la compte comme si elle avait répondu, dans chacune de ses trois lignes, et on recommence.
report-rule-who = Peut être relancé qui fait partie de la population de référence, a été sollicité, n’a ni répondu ni refusé, et ne demande pas à être laissé tranquille.
report-rule-same = Il n’y a ni hasard ni date dans cette règle : du même fichier collectivites.csv sort toujours la même liste.
report-next-none = Il n’y a plus personne à relancer.
report-next-more = { $count ->
    [one] Une autre ligne est dans le fichier.
   *[other] { $count } autres lignes sont dans le fichier.
}

# Files.
report-file-bodies = Les collectivités, d’où se recalculent la couverture et la liste
report-file-coverage = Couverture et taux de réponse
report-file-funnel = Messages et répondants
report-file-reminders = Réponses par étape
report-file-next = Qui relancer, et pourquoi
report-file-json = Tout le rapport, pour des programmes

# Pages.
report-page-title = Rapport : { $title }
report-page-skip = Aller au contenu
report-page-other-language = English
report-page-open-title = Rapport de campagne
report-page-open-lead = Ce lien ouvre le rapport une seule fois, sur cet appareil, pour huit heures.
report-page-open = Ouvrir le rapport
report-page-close = Fermer la session
report-page-closed-title = Session fermée
report-page-closed-lead = Le rapport n’est plus ouvert sur cet appareil.
report-page-refused-title = Ce lien ne marche plus
report-page-refused-lead = Il a déjà servi, il est trop ancien, ou il a été retiré. Demandez-en un autre avec « /campagnes » dans la messagerie, ou à la personne qui exploite le service.
report-page-unknown-title = Page introuvable
report-page-unknown-lead = Il n’y a rien à cette adresse.
report-page-busy-title = Réessayez dans un instant
report-page-busy-lead = Trop de demandes arrivent en même temps.

# The link to the questionnaire, where openings are counted.
report-redirect-title = Vous allez répondre à « { $title } »
report-redirect-lead = Le questionnaire se trouve sur { $host }. { $sender } compte que ce lien a été ouvert, et rien d’autre, pour ne relancer que si c’est utile.
report-redirect-go = Répondre au questionnaire
report-redirect-unknown-title = Ce lien n’est pas connu
report-redirect-unknown-lead = Il est peut-être incomplet : ouvrez-le depuis le message reçu.

# Chat.
report-chat-list = Campagnes
report-chat-none = Il n’y a pas encore de campagne.
report-chat-line = { $title } : réponses { $answered } sur { $all }, campagne { $state }.
report-chat-unknown = Cette campagne n’existe pas.
report-chat-chart = Graphique : { $sentence }
report-chat-page = Ouvrir la page du rapport
report-chat-link = Ouvrir le rapport de « { $title } »
report-chat-link-lead = Le lien sert une seule fois, jusqu’au { $until }. Ne le transmettez pas.
report-chat-no-page = Ce service n’a pas d’adresse publique : le rapport n’a pas de page.
