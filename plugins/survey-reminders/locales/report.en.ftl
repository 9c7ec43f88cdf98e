# Where a campaign stands.
report-state-draft = draft
report-state-approved = under way
report-state-paused = paused
report-state-cancelled = cancelled
report-state-closed = over
report-read-at = Campaign { $state }, deadline { $deadline }. Figures of { $moment }.

# Sentences.
report-nobody = Nobody is asked yet.
report-answered = Answers: { $answered } out of { $all } ({ $rate }){ $declared ->
    [0] .
    [one] , one of them by their own word alone.
   *[other] , { $declared } of them by their own word alone.
}
report-messages = Messages sent: { $sent } out of { $planned } planned{ $unknown ->
    [0] .
    [one] ; of one more nobody can tell whether it arrived.
   *[other] ; of { $unknown } more nobody can tell whether they arrived.
}
report-coverage = Coverage: { $covered } out of { $reference } public bodies of the reference population ({ $rate }).
report-coverage-asked = Without a reference population, coverage is that of those asked: { $covered } out of { $reference } ({ $rate }).
report-outside = Answers from outside of it: { $outside }.
report-lowest = Lowest rate: { $stratum } ({ $rate }).
report-nothing-measured = Nothing to measure here.
report-unmatched = { $count ->
    [one] One answer matches nobody: look at it.
   *[other] { $count } answers match nobody: look at them.
}
report-wrong = Some figures do not add up: tell whoever operates the service.

# Titles of sections, charts and tables.
report-progress = How far the answers are
report-contacts = Who got a message, and how far the answers are
report-messages-title = What became of the messages
report-reasons = Messages by state and reason
report-coverage-title = Coverage
report-by-kind = By type of public body
report-by-population = By population
report-by-region = By région
report-reminders = What each step brought
report-wishes = What recipients said
report-next = Whom to remind next
report-files = Download the data

# Columns.
report-column-progress = Progress
report-column-respondents = Respondents
report-column-of-all = Out of
report-column-contact = Message
report-column-state = State
report-column-reason = Reason
report-column-messages = Messages
report-column-planned = Planned
report-column-sent = Sent
report-column-unknown = Unknown
report-column-answers = Answers
report-column-step = Step
report-column-step-kind = Kind
report-column-kind = Type
report-column-population = Inhabitants
report-column-region = Région
report-column-reference = Reference
report-column-covered = Covered
report-column-coverage = Coverage
report-column-asked = Asked
report-column-answered = Answered
report-column-response = Response rate
report-column-wish = Choice
report-column-times = Times
report-column-people = People
report-column-place = Place
report-column-name = Name
report-column-code = Code
report-column-how = How
report-column-why = Why
report-all = All
report-unknown = Not known

# Strata.
report-kind-commune = Communes
report-kind-epci = Intercommunalités
report-kind-departement = Départements
report-kind-region = Régions
report-kind-other = Others
report-band-under-2000 = Under 2,000
report-band-2000 = 2,000 to 9,999
report-band-10000 = 10,000 to 49,999
report-band-50000 = 50,000 to 99,999
report-band-100000 = 100,000 and more

# States.
report-message-waiting = Waiting
report-message-handed = Handed over
report-message-sent = Sent
report-message-unknown = Unknown
report-message-failed = Failed
report-message-expired = Too late
report-message-suppressed = Suppressed
report-message-cancelled = Cancelled
report-contact-written = Message sent
report-contact-uncertain = Outcome unknown
report-contact-to-come = Message to come
report-contact-unneeded = Answered without one
report-contact-withdrawn = Message withdrawn
report-contact-unreachable = Unreachable
report-progress-silent = Silent
report-progress-opened = Link opened
report-progress-started = Answer started
report-progress-declared = Answer declared
report-progress-confirmed = Answer confirmed
report-progress-refused = Refused
report-step-invitation = Invitation
report-step-reminder = Reminder
report-step-organisers = To the organisers
report-step-removed = Step taken away
report-answers-before = Before any message
report-answers-unattributed = Step not known

report-wish-answer-now = Answer now
report-wish-later = Remind me later
report-wish-already-answered = Already answered
report-wish-not-answered = Not answered after all
report-wish-not-mine = Not the right person
report-wish-mine = The right person after all
report-wish-stop = No more messages
report-wish-resume = Messages again

# Reasons, as a table names them.
report-reason-none = No particular reason
report-reason-before-opening = Before the opening
report-reason-calendar = Hours, days or cap
report-reason-too-soon = Too soon after the last message
report-reason-joined = Added during the campaign
report-reason-snoozed = Asked for later
report-reason-paused = Campaign paused
report-reason-postponed = Postponed when sending
report-reason-not-addressed = Step for other contacts
report-reason-excluded = Excluded
report-reason-unreachable = No address
report-reason-blocked = Blocked by the person
report-reason-no-other-address = No other address agreed to
report-reason-no-consent = No consent to reminders
report-reason-stopped = Said STOP
report-reason-campaign-stopped = Wants no more of this campaign
report-reason-not-mine = Not the right person
report-reason-gone = No longer a contact
report-reason-no-token = No token for the questionnaire
report-reason-answered = The public body has answered
report-reason-refused = The public body will not answer
report-reason-over = Step was over
report-reason-had = Step already settled
report-reason-reminders-max = Most reminders reached
report-reason-condition = Condition of the step not met
report-reason-missed = Too late after an outage
report-reason-after-deadline = After the deadline
report-reason-never = No hour fits
report-reason-deadline = The deadline came first
report-reason-no-longer-planned = No longer planned
report-reason-cancelled = Campaign cancelled
report-reason-outbox = Refused when sending

# Whom to remind next.
report-why = { $stratum }: { $covered } out of { $reference } ({ $rate }), the lowest row; { $messages ->
    [0] no message so far
    [one] one message so far
   *[other] { $messages } messages so far
}
report-how-chat = By message
report-how-otherwise = Telephone or letter
report-rule-row = Of all rows of the three coverage tables (type, population, région) in which somebody can still be reminded, take the one with the lowest coverage; of equal ones the one that misses the most answers, then the upper one.
report-rule-body = In that row, take the public body that got the fewest messages; of equal ones the one with the most inhabitants, then the first by code.
report-rule-again = Count it as if it had answered, in each of its three rows, and begin again.
report-rule-who = Somebody can be reminded who is of the reference population, was asked, neither answered nor refused, and does not want to be left alone.
report-rule-same = There is neither chance nor date in this rule: the same file collectivites.csv always gives the same list.
report-next-none = There is nobody left to remind.
report-next-more = { $count ->
    [one] One more line is in the file.
   *[other] { $count } more lines are in the file.
}

# Files.
report-file-bodies = The public bodies, from which coverage and list can be computed again
report-file-coverage = Coverage and response
report-file-funnel = Messages and respondents
report-file-reminders = Answers by step
report-file-next = Whom to remind, and why
report-file-json = The whole report, for programs

# Pages.
report-page-title = Report: { $title }
report-page-skip = Skip to content
report-page-other-language = Français
report-page-open-title = Campaign report
report-page-open-lead = This link opens the report once, on this device, for eight hours.
report-page-open = Open the report
report-page-close = Close the session
report-page-closed-title = Session closed
report-page-closed-lead = The report is no longer open on this device.
report-page-refused-title = This link no longer works
report-page-refused-lead = It was used, is too old, or was taken back. Ask for another one with “/campaigns” in the chat, or whoever operates the service.
report-page-unknown-title = Page not found
report-page-unknown-lead = There is nothing at this address.
report-page-busy-title = Try again in a moment
report-page-busy-lead = Too many requests came at the same time.

# The link to the questionnaire, where openings are counted.
report-redirect-title = You are about to answer “{ $title }”
report-redirect-lead = The questionnaire is on { $host }. { $sender } counts that this link was opened, and nothing else, so as to remind only where that helps.
report-redirect-go = Answer the questionnaire
report-redirect-unknown-title = This link is not known
report-redirect-unknown-lead = It may be incomplete: open it from the message you got.

# Chat.
report-chat-list = Campaigns
report-chat-none = There is no campaign yet.
report-chat-line = { $title }: answers { $answered } out of { $all }, campaign { $state }.
report-chat-unknown = There is no such campaign.
report-chat-chart = Chart: { $sentence }
report-chat-page = Open the report’s page
report-chat-link = Open the report of “{ $title }”
report-chat-link-lead = The link works once, until { $until }. Do not pass it on.
report-chat-no-page = This service has no public address: the report has no page.
