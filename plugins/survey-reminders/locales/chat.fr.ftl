# Ce que la personne relancée a dans sa messagerie. Le vouvoiement, des phrases courtes, des mots de tous les jours.
# $body est la collectivité, ou « none » quand la personne répond pour elle-même.

## Les boutons

chat-answer-here = Répondre ici
chat-later = Me le rappeler plus tard
chat-answered = Déjà répondu
chat-not-mine = Ce n’est pas pour moi
chat-stop = Ne plus recevoir de rappels
chat-answer-anyway = Répondre quand même
chat-answer-again = Revoir ma réponse
chat-resume = Reprendre les rappels
chat-no-reminders = Plus aucun rappel, d’aucun questionnaire
chat-not-answered-button = En fait, je n’ai pas encore répondu
chat-mine = En fait, c’est bien pour moi
chat-back = ← Revenir
chat-link = Répondre au questionnaire

## Où j’en suis

chat-list = Les questionnaires qui vous attendent
chat-list-none = Aucun questionnaire ne vous attend en ce moment.
chat-in-group = Ici, d’autres personnes peuvent lire. Écrivez-moi en message privé.
chat-private-link = Ouvrir notre conversation privée
chat-unknown = Ce bouton ne vous concerne pas ou plus. Pour savoir ce qui vous attend, envoyez /questionnaires.

chat-state-silent = { $body ->
    [none] « { $title } » attend votre réponse, jusqu’au { $deadline }.
   *[other] « { $title } » attend la réponse de votre collectivité ({ $body }), jusqu’au { $deadline }.
}
chat-state-started = { $body ->
    [none] Votre réponse à « { $title } » est commencée. Vous pouvez la terminer jusqu’au { $deadline }.
   *[other] La réponse de votre collectivité ({ $body }) à « { $title } » est commencée. Elle peut être terminée jusqu’au { $deadline }.
}
chat-state-answered = { $body ->
    [none] Votre réponse à « { $title } » est bien arrivée. Merci ! Je ne vous le rappellerai plus.
   *[other] La réponse de votre collectivité ({ $body }) à « { $title } » est bien arrivée. Merci ! Plus personne de la collectivité ne recevra de rappel.
}
chat-state-declared = { $body ->
    [none] Vous avez indiqué avoir déjà répondu à « { $title } ». Merci ! Je ne vous le rappellerai plus.
   *[other] Vous avez indiqué que votre collectivité ({ $body }) a déjà répondu à « { $title } ». Merci ! Plus personne de la collectivité ne recevra de rappel.
}
chat-state-declared-by-another = Quelqu’un de votre collectivité ({ $body }) a indiqué qu’elle a déjà répondu à « { $title } ». Plus personne n’y recevra de rappel.
chat-state-refused = { $body ->
    [none] Vous ne répondrez pas à « { $title } » : c’est noté, je ne vous le rappellerai plus.
   *[other] Votre collectivité ({ $body }) ne répondra pas à « { $title } » : c’est noté, je ne vous le rappellerai plus.
}
chat-state-stopped = Vous ne recevrez plus de rappel pour « { $title } ». Vous pouvez toujours répondre, jusqu’au { $deadline }.
chat-state-not-mine = C’est noté : « { $title } » n’est pas pour vous, je ne vous le rappellerai plus.
chat-state-closed = « { $title } » est terminé depuis le { $deadline }. Merci de votre attention.
chat-state-cancelled = « { $title } » est annulé : il n’y a plus rien à faire.
chat-next = Prochain rappel prévu : le { $when }.

## Répondre ici

chat-answer-twice = Une deuxième réponse sera gardée à part : c’est la première qui compte.
chat-guest-here = Votre collectivité est invitée à répondre à « { $title } ». Vous pouvez le faire ici.
chat-guest-waits = Votre collectivité est invitée à répondre à « { $title } ». Votre lien personnel viendra quand l’équipe organisatrice vous aura ajouté à ses destinataires.
chat-guest-answered = Votre collectivité a déjà répondu à « { $title } ». Une deuxième réponse serait gardée à part.
chat-guest-answer = Répondre ici : { $title }
chat-guest-answer-anyway = Répondre quand même : { $title }

## Plus tard

chat-later-ask = Quand voulez-vous que je vous le rappelle ? Vous pouvez répondre à « { $title } » jusqu’au { $deadline }.
chat-later-tomorrow = Demain ({ $day })
chat-later-next-week = La semaine prochaine ({ $day })
chat-later-other = Une autre date
chat-later-change = Choisir une autre date
chat-later-write = Écrivez la date, par exemple 15/10, 15 octobre ou lundi.
chat-day-unreadable = Je n’ai pas compris cette date. Écrivez-la par exemple ainsi : 15/10, 15 octobre, lundi ou dans 3 jours.
chat-day-past = Le { $day } est déjà là ou passé. Écrivez une date à venir, avant le { $deadline }.
chat-day-too-late = Il serait trop tard : « { $title } » se termine le { $deadline }. Écrivez une date plus proche.
chat-later-too-late = « { $title } » se termine le { $deadline } : je ne pourrai plus vous le rappeler d’ici là.
chat-later-moved = { $dropped ->
    [0] C’est noté : je vous le rappellerai à partir du { $when }, pas avant.
    [one] C’est noté : je vous le rappellerai à partir du { $when }, pas avant. Un autre rappel, prévu d’ici là, ne partira pas.
   *[other] C’est noté : je vous le rappellerai à partir du { $when }, pas avant. { $dropped } autres rappels, prévus d’ici là, ne partiront pas.
}
chat-later-as-planned = C’est noté : rien avant le { $day }. Le prochain rappel prévu part le { $when } ; je ne peux pas en envoyer d’autre.
chat-later-nothing = C’est noté, mais plus aucun rappel n’est prévu pour vous : je ne pourrai pas vous réécrire à ce sujet. Gardez ce message.

## Déjà répondu, ce n’est pas pour moi, ne plus recevoir

chat-not-answered = C’est noté, je n’en tiens plus compte.
chat-resumed = C’est noté. S’il reste des rappels à venir pour vous, ils partiront comme prévu.
chat-nobody-else = Très bien, aucun nom n’est noté.
chat-colleague-ask = C’est noté : je ne vous le rappellerai plus. Qui devrait répondre à « { $title } » pour { $body } ? Écrivez son prénom et son nom, si cette personne en est d’accord : ils seront visibles de l’équipe organisatrice, et effacés si vous vous ravisez. Vous n’êtes pas obligé de donner un nom.
chat-colleague-nobody = Je ne donne pas de nom
chat-colleague-unreadable = Écrivez seulement un prénom et un nom, sur une ligne, en { $most } caractères au plus, sans adresse ni numéro.
chat-colleague-impossible = Je n’ai pas pu noter ce nom : la liste des contacts de votre collectivité est complète. L’équipe organisatrice pourra vous aider.
chat-colleague-forward = Vous avez proposé { $name }. Transmettez-lui vous-même ce lien personnel, par le moyen de votre choix :
chat-colleague-link = { $network } :{" "}
chat-colleague-promise = Je n’écris pas à cette personne : elle ne recevra rien de moi avant d’être venue par ce lien, et aucun rappel avant que l’équipe organisatrice ne l’ait ajoutée. Le lien ne sert qu’une fois, jusqu’au { $until }.
chat-colleague-came = Vous avez proposé { $name } : son invitation a servi ou n’est plus valable.

## /rappels

chat-reminders-on = Vous avez accepté de recevoir des rappels de questionnaires.
chat-reminders-off = Vous ne recevez aucun rappel de questionnaire.
chat-reminders-unknown = Aucun questionnaire ne vous est destiné : il n’y a pas de rappel à régler.
chat-reminders-stopped = Vous avez demandé l’arrêt de tous les messages. Pour recevoir de nouveau des rappels, envoyez d’abord /start.
chat-reminders-wording = J’accepte que { $organisation } m’envoie ici des rappels pour les questionnaires auxquels je suis invité à répondre. Je peux arrêter à tout moment avec /rappels ou STOP.
chat-reminders-agree = J’accepte les rappels
chat-reminders-given = C’est noté : vous recevrez les rappels des questionnaires auxquels vous êtes invité à répondre.
chat-reminders-withdrawn = C’est noté : vous ne recevrez plus aucun rappel de questionnaire. Si vous changez d’avis, voici ce que vous accepteriez :
