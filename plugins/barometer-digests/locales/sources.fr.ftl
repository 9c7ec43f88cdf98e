# Sources, and what is wrong with them: one paragraph that says what to do.
source-no-answer = { $kind ->
    [bad_address] L’adresse ne peut pas être demandée : corrigez `url` de cette source.
    [forbidden] L’adresse mène dans un réseau privé, où rien n’est demandé : corrigez `url`, ou faites autoriser ce serveur par l’opérateur.
    [secret] Un secret nommé dans l’adresse manque ou n’est pas permis pour ce serveur : voyez l’opérateur.
    [no_https] Ce programme est construit sans HTTPS : voyez l’opérateur.
    [unknown_host] Le nom du serveur n’existe pas : corrigez `url`.
    [unreachable] Le serveur ne peut pas être joint.
    [too_slow] Le serveur n’a pas répondu à temps.
    [broken_off] La réponse s’est interrompue.
    [too_long] La réponse est trop longue : demandez un flux plus court, ou une partie seulement.
    [compressed] Le serveur envoie une réponse compressée, qui n’était pas demandée.
    [redirected] Le serveur renvoie ailleurs d’une façon qui n’est pas suivie : écrivez l’adresse finale dans `url`.
   *[other] Le serveur n’a pas répondu.
} ({ $why })
source-status = Le serveur répond { $status } : vérifiez `url` de cette source.
source-gone = La source dit qu’elle n’existe plus (410) : retirez-la du fichier, ou écrivez sa nouvelle adresse.
source-busy = Le serveur demande de patienter ({ $status }) : la source sera redemandée plus tard.
source-empty = La réponse est vide.
source-page-with-feed = C’est une page web, pas un flux. Écrivez dans `url` l’adresse de son flux : { $feed }
source-page = C’est une page web, pas un flux : écrivez dans `url` l’adresse de son flux RSS ou Atom.
source-no-feed = Ce n’est ni RSS, ni Atom, ni JSON Feed : vérifiez `url` et `kind` de cette source.
source-malformed = Le flux est abîmé ({ $why }) : rien n’en est repris tant que son éditeur ne l’a pas réparé.
source-excessive = Le flux empile ou répète ses balises plus qu’aucun vrai flux : rien n’en est repris.
source-page-for-calendar = C’est une page web, pas un agenda : écrivez dans `url` l’adresse de son fichier .ics.
source-no-calendar = Ce n’est pas un agenda iCalendar : vérifiez `url` et `kind` de cette source.
# What was left out of a source that works.
notice-wordless = { $count ->
    [one] Une entrée sans un mot a été laissée de côté.
   *[other] { $count } entrées sans un mot ont été laissées de côté.
}
notice-too-many = { $count ->
    [one] Une entrée de trop n’a pas été lue.
   *[other] { $count } entrées de trop n’ont pas été lues.
}
notice-no-start = « { $title } » ne dit pas quand : l’événement a été laissé de côté.
notice-no-start-no-title = Un événement sans titre ni date a été laissé de côté.
notice-no-title = L’événement du { $start } n’a pas de titre : il a été laissé de côté.
notice-unknown-zone = Le fuseau horaire « { $zone } » est inconnu : ses heures sont lues à l’heure de la lettre.
notice-unknown-rule = La répétition de « { $title } » n’est pas comprise ({ $rule }) : seule sa première date est montrée.
notice-cut-off = L’agenda s’interrompt au milieu d’un événement, qui a été laissé de côté.
