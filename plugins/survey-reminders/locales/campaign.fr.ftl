# Reasons: the end of a sentence after a date, or alone in a table.
reason-before-opening = la campagne n’ouvre qu’à cette heure
reason-too-soon = au moins { $days ->
    [one] un jour
   *[other] { $days } jours
} entre deux messages
reason-joined = ajout en cours de campagne
reason-snoozed = la personne a demandé à être relancée plus tard
reason-paused = la campagne était en pause
reason-postponed = reporté au moment de l’envoi
reason-not-addressed = l’étape s’adresse à d’autres contacts
reason-excluded = { $by ->
    [group] exclu par un groupe
    [query] exclu par une requête
   *[not-seen] sans nouvelles depuis trop longtemps
}
reason-unreachable = pas encore d’adresse
reason-blocked = la personne a bloqué le compte
reason-no-other-address = pas d’autre adresse acceptée
reason-no-consent = pas d’accord pour des rappels
reason-stopped = la personne a dit STOP
reason-campaign-stopped = ne veut plus rien de cette campagne
reason-not-mine = ce n’est pas la bonne personne
reason-gone = n’est plus parmi les contacts
reason-no-token = pas de jeton pour le questionnaire
reason-answered = la collectivité a répondu
reason-refused = la collectivité ne répondra pas
reason-over = étape déjà passée
reason-had = étape déjà traitée
reason-reminders-max = déjà { $most ->
    [one] un rappel
   *[other] { $most } rappels
} au plus
reason-condition = { $condition ->
    [not_started] une réponse est commencée
    [started] aucune réponse n’est commencée
    [not_opened] le lien a été ouvert
   *[unreachable] quelqu’un de la collectivité a été joint
}
reason-missed = trop tard de { $hours ->
    [0] moins d’une heure
    [one] une heure
   *[other] { $hours } heures
}
reason-after-deadline = tomberait après la date limite
reason-never = aucune heure ne convient
reason-deadline = la date limite est passée
reason-no-longer-planned = la version approuvée depuis ne le prévoit plus
reason-cancelled = la campagne est annulée
reason-outbox = à l’envoi : { $why }

# What stands below a message.
message-late = Ce message vous parvient avec retard, veuillez nous en excuser.
message-redirect = Le lien passe par notre service, qui compte les ouvertures.

refused-unknown = Il n’y a pas de campagne « { $name } ».
refused-slug = Le nom « { $slug } » est pris : choisissez-en un autre, ou modifiez la campagne avec « crieur campaign edit ».
refused-file = Le fichier ne convient pas :
    { $problems }
refused-deadline-past = La date limite est déjà passée : choisissez une date à venir.
refused-is-draft = Cette campagne n’est pas encore approuvée.
refused-is-approved = Cette campagne est déjà en cours.
refused-is-paused = Cette campagne est en pause.
refused-is-cancelled = Cette campagne est annulée, et une campagne annulée le reste.
refused-is-closed = Cette campagne est terminée.
refused-unchanged = Le fichier n’a pas changé : il n’y a rien à modifier.
refused-contacts = Les destinataires ne peuvent pas être lus : { $problem }
refused-token-twice = Les contacts { $one } et { $other } ont le même jeton : corrigez l’un des deux.
refused-token-taken = Le contact { $number } a le jeton de quelqu’un qui participe déjà : corrigez-le.
refused-plan-changed = Ce plan n’est plus celui que vous avez lu ({ $wording ->
    [changed] les textes ou les règles ont changé
   *[same] mêmes textes et mêmes règles
}, { $seen } messages lus, { $now } maintenant) : relisez-le avec « crieur campaign plan ».
refused-no-plan = « { $given } » n’est pas le nom d’un plan : « crieur campaign plan » le montre à la fin.
refused-same-person = « { $name } » a écrit cette version : quelqu’un d’autre doit l’approuver.
refused-already-approved = Cette version est déjà approuvée. Pour de nouveaux contacts : « crieur campaign approve --supplement ».
refused-nothing-approved = Rien n’est approuvé, ou pas la version actuelle : approuvez d’abord la campagne entière.
refused-no-messages = Ce plan ne contient aucun message.
refused-no-public-url = Pour compter les ouvertures, il faut l’adresse publique : écrivez public_url dans crieur.toml, ou redirect = false.
