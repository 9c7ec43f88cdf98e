reason-before-opening = the campaign opens at this hour only
reason-too-soon = at least { $days ->
    [one] one day
   *[other] { $days } days
} between two messages
reason-joined = joined during the campaign
reason-snoozed = the person asked to be reminded later
reason-paused = the campaign was paused
reason-postponed = postponed when it was to go out
reason-not-addressed = the step is for other contacts
reason-excluded = { $by ->
    [group] left out by a group
    [query] left out by a query
   *[not-seen] not heard of for too long
}
reason-unreachable = no address yet
reason-blocked = the person blocked the account
reason-no-other-address = no other address agreed to
reason-no-consent = did not agree to reminders
reason-stopped = the person said STOP
reason-campaign-stopped = wants no more of this campaign
reason-not-mine = not the right person
reason-gone = no longer a contact
reason-no-token = no token for the questionnaire
reason-answered = the collectivité has answered
reason-refused = the collectivité will not answer
reason-over = the step is over
reason-had = the step is settled already
reason-reminders-max = no more than { $most ->
    [one] one reminder
   *[other] { $most } reminders
}
reason-condition = { $condition ->
    [not_started] an answer has begun
    [started] no answer has begun
    [not_opened] the link was opened
   *[unreachable] somebody of the collectivité was reached
}
reason-missed = too late by { $hours ->
    [0] less than an hour
    [one] one hour
   *[other] { $hours } hours
}
reason-after-deadline = would come after the deadline
reason-never = there is no hour that suits
reason-deadline = the deadline is over
reason-no-longer-planned = the version approved since no longer plans it
reason-cancelled = the campaign is cancelled
reason-outbox = when sending: { $why }

message-late = This message reaches you late: we are sorry.
message-redirect = The link leads through our service, which counts openings.

refused-unknown = There is no campaign “{ $name }”.
refused-slug = The name “{ $slug }” is taken: choose another one, or change the campaign with `crieur campaign edit`.
refused-file = The file is not right:
    { $problems }
refused-deadline-past = The deadline is already past: choose a date to come.
refused-is-draft = This campaign is not approved yet.
refused-is-approved = This campaign is under way already.
refused-is-paused = This campaign is paused.
refused-is-cancelled = This campaign is cancelled, and a cancelled campaign stays cancelled.
refused-is-closed = This campaign is over.
refused-unchanged = The file has not changed: there is nothing to edit.
refused-contacts = The recipients cannot be read: { $problem }
refused-token-twice = The contacts { $one } and { $other } have the same token: correct one of them.
refused-token-taken = Contact { $number } has the token of somebody who takes part already: correct it.
refused-plan-changed = This plan is no longer the one you read ({ $wording ->
    [changed] words or rules have changed
   *[same] same words and same rules
}, { $seen } messages read, { $now } now): read it again with `crieur campaign plan`.
refused-no-plan = “{ $given }” names no plan: `crieur campaign plan` shows it at the end.
refused-same-person = “{ $name }” wrote this version: somebody else approves it.
refused-already-approved = This version is approved already. For new contacts: `crieur campaign approve --supplement`.
refused-nothing-approved = Nothing is approved, or not the current version: approve the whole campaign first.
refused-no-messages = There is no message in this plan.
refused-no-public-url = Counting openings needs the public address: write public_url in crieur.toml, or redirect = false.
