# Handing editions over, and the proof that it adds up.

reason-missed = the hour they chose had passed by { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
}
reason-left = unsubscribed
reason-other-rhythm = chose another rhythm
reason-same-person = the same person gets it by another subscription
reason-erased = erased their data
reason-nothing-for-you = nothing in this edition about the topics they chose
reason-unreachable = nowhere to write to
reason-outbox = as the outbox says: { $why }

proof-mismatch = The numbers of edition { $edition } do not add up.
proof-digests = { $expected ->
    [one] { $expected } reader was expected
   *[other] { $expected } readers were expected
}, { $found ->
    [one] { $found } row is there
   *[other] { $found } rows are there
}.
proof-deliveries = { $handed ->
    [one] { $handed } message was handed
   *[other] { $handed } messages were handed
} to the outbox, which knows { $found }.
proof-outcomes = State “{ $state }”: { $digests ->
    [one] { $digests } row
   *[other] { $digests } rows
} here, { $found ->
    [one] { $found } message
   *[other] { $found } messages
} in the outbox.
proof-remedy = Nobody is told twice, and nothing is sent again. See `crieur digest proof { $edition }`, keep a copy of the database, and find out who wrote in it.
