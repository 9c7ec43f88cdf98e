# La remise des éditions, et la preuve que le compte y est.

reason-missed = l’heure choisie était passée de { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
}
reason-left = s’est désabonné·e
reason-other-rhythm = a choisi un autre rythme
reason-same-person = la même personne la reçoit par un autre abonnement
reason-erased = a effacé ses données
reason-nothing-for-you = rien dans cette édition sur les thèmes choisis
reason-unreachable = aucune adresse où écrire
reason-outbox = selon la boîte d’envoi : { $why }

proof-mismatch = Le compte des envois de l’édition { $edition } n’y est pas.
proof-digests = { $expected ->
    [one] { $expected } destinataire était attendu
   *[other] { $expected } destinataires étaient attendus
}, { $found ->
    [one] { $found } ligne est là
   *[other] { $found } lignes sont là
}.
proof-deliveries = { $handed ->
    [one] { $handed } message a été remis
   *[other] { $handed } messages ont été remis
} à la boîte d’envoi, elle en connaît { $found }.
proof-outcomes = État « { $state } » : { $digests ->
    [one] { $digests } ligne
   *[other] { $digests } lignes
} ici, { $found ->
    [one] { $found } message
   *[other] { $found } messages
} dans la boîte d’envoi.
proof-remedy = Personne n’est prévenu deux fois, et rien n’est renvoyé. Voyez « crieur digest proof { $edition } », gardez une copie de la base, et cherchez qui y a écrit.
