# What micro-consultations say, in English.

## List

list-heading = Open consultations
list-none = No consultation is open at the moment. See the results of earlier ones with /results.
list-item = { $title }: until { $closing }
list-answer = Answer: { $title }
list-more = More ({ $count } left)
list-answered = Review: { $title }

## Before answering

unknown = This consultation does not exist, or no longer does. The list is in /polls.
not-open-yet = “{ $title }” is not open yet. It opens on { $opening }.
not-open = “{ $title }” is not open yet.
in-group = Other people can read your answers here. Write to me in a private message, send /polls and answer “{ $title }” out of sight.
not-accepted = “{ $title }” is for people who write from a messaging account. Send me /polls from there, or link it to this conversation with /link.
not-accepted-session = “{ $title }” is answered on the web page only. Open it in your browser.
closed = “{ $title }” closed on { $closing }. Thank you to everyone who took part.

consent-heading = Your consent
consent-standard = “{ $title }” is not anonymous: your answers are kept with your account and the organisers can read them. They may reveal your opinions. Do you agree to have them recorded under your name, for this consultation only? You can ask for their erasure at any time with /erase.
consent-agree = I agree
consent-decline = I refuse
consent-declined = Understood: nothing was recorded. Should you change your mind, send /polls.

## Answering

progress = Question { $number }/{ $total }
promise-anonymous = Anonymous consultation: after the closing, crieur itself can no longer know who answered what; a backup made before it could.
promise-named = Your answers are recorded under your name, as you agreed.
open-until = You can answer until { $closing }.
choose-one = Choose one answer.
choose-several = { $most ->
    [one] Choose one answer, then “Continue”.
   *[other] Choose { $least } to { $most } answers, then “Continue”.
}
choose-exactly = { $most ->
    [one] Choose one answer, then “Continue”.
   *[other] Choose { $most } answers, then “Continue”.
}
choose-step = Choose from “{ $lowest }” to “{ $highest }”.
write-answer = Write your answer in a message ({ $characters } characters at most).
written-answer = Your answer: “{ $answer }”. Write another message to replace it.
optional = This question is optional.
too-few = Choose at least { $least ->
    [one] one answer
   *[other] { $least } answers
} to continue.
too-many = { $most ->
    [one] Only one answer is possible: take back the one you chose first.
   *[other] { $most } answers at most: take one back before you choose another.
}
text-too-long = Your answer has { $characters } characters; at most { $most } are possible. It was not recorded: send a shorter one.
text-empty = Your answer is empty: write a few words.
stale = That button belonged to an earlier question. Here is where you are.

step-back = ← Back
step-next = Continue →
step-skip = Skip
step-abandon = Stop
step-results = See the results without answering

review-heading = Check your answers
review-unanswered = no answer
review-hint = Your ballot is not recorded yet: press “Cast my ballot”.
review-cast = Cast my ballot

abandoned = Your answers to “{ $title }” were thrown away, nothing was recorded. Take it up again with /polls.
abandoned-kept = Your new answers were thrown away. The ballot you had cast still counts.

## The ballot

receipt = Your ballot is recorded. Thank you!
receipt-changed = Your ballot is recorded: it replaces the earlier one. Thank you!
receipt-already = Your ballot in “{ $title }” is recorded.
receipt-change = You can change or withdraw it until { $closing }.
receipt-final = It can no longer be changed.
receipt-secret = So that nobody can read it, I never show a ballot again once it is cast.
receipt-results-later = The results are published at the closing, on { $closing }.
already-cast = You have already cast a ballot in “{ $title }”, and this consultation accepts no change. It still counts.
button-change = Change my ballot
button-withdraw = Withdraw my ballot
button-results = See the results
button-answer = Answer
withdraw-ask = Withdraw your ballot from “{ $title }”? It will no longer count. You can cast another one until the closing.
withdraw-confirm = Yes, withdraw it
withdraw-keep = No, keep it
withdrawn = Your ballot is withdrawn: it no longer counts.
no-ballot = You have no ballot in “{ $title }”.

## Results

results-heading = Results: { $title }
results-list-heading = Results
results-list-none = No results are published yet.
results-hidden-close = The results of “{ $title }” are published at the closing, on { $closing }.
results-hidden-vote = The results of “{ $title }” are shown once you have answered; they become public at the closing, on { $closing }.
results-hidden-group = Until the closing, on { $closing }, the results of “{ $title }” are read in a private message.
results-not-yet = Results appear from { $from } ballots on, so that nobody can guess an answer.
results-too-few = Fewer than { $from } ballots were cast: so that nobody can guess an answer, only the participation is published.
results-live = Provisional results from { $ballots ->
    [one] { $ballots } ballot
   *[other] { $ballots } ballots
}, updated every { $step } ballots or more.
results-live-now = Provisional results from { $ballots ->
    [one] { $ballots } ballot
   *[other] { $ballots } ballots
}.
results-final = Final results from { $ballots ->
    [one] { $ballots } ballot
   *[other] { $ballots } ballots
}.
results-nobody = Nobody answered.
results-page = All results on the web
results-chart = Chart: { $sentence }
results-texts = { $count ->
    [one] One written answer.
   *[other] { $count } written answers.
}
results-texts-later = { $count ->
    [one] One written answer, published at the closing.
   *[other] { $count } written answers, published at the closing in random order.
}
results-texts-more = { $count ->
    [one] And one more on the result page.
   *[other] And { $count } more on the result page.
}
chart-several = Several answers were possible.
participation = Participation: { $ballots ->
    [one] { $ballots } ballot
   *[other] { $ballots } ballots
}
participation-session = { $ballots } from a browser, one per session
participation-account = { $ballots } from a messaging account, one per account
participation-code = { $ballots } with a code, one per person

## Announcement

announcement = A new consultation is open: “{ $title }”.
announcement-until = You can answer until { $closing }, in { $questions ->
    [one] one question
   *[other] { $questions } questions
}.

## Organising

manage-heading = Your consultations
manage-none = No consultation yet. Create the first with /new_consultation.
manage-item = { $title }: { $state }
state-draft = draft
state-scheduled = opens on { $opening }
state-open = open until { $closing }
state-closed = closed since { $closing }
manage-participation = { $ballots ->
    [0] No ballot.
    [one] { $ballots } ballot.
   *[other] { $ballots } ballots.
}
manage-announced = Announced on { $when }.
manage-page = Public page
button-open = Open now
button-announce = Announce
button-extend = Extend
button-close = Close
button-export = Export the file
button-discard = Throw this draft away
button-preview = Preview
button-back-to-list = All my consultations
extend-ask = By how many days shall “{ $title }” be extended? It ends on { $closing }.
extend-days = { $days ->
    [one] One day
   *[other] { $days } days
}
extended = “{ $title }” is extended until { $closing }.
discard-ask = Throw the draft “{ $title }” away? It cannot be brought back.
discard-confirm = Yes, throw it away
discard-cancel = No, keep it
discarded = The draft “{ $title }” is thrown away: its name is free again.
close-ask = Close “{ $title }” now? This is final: the ballots are shuffled, the key that protects them is destroyed, and nobody can answer any more.
close-confirm = Yes, close it now
close-cancel = No, leave it open
closed-now = “{ $title }” is closed.
opened = “{ $title }” is open until { $closing }. Announce it to tell those who agreed to be contacted.
announced = The announcement of “{ $title }” is on its way to those who agreed to be contacted.
refused-announced = This consultation was already announced on { $when }: nobody likes to receive the same message twice.
refused-not-open = This consultation is not open.
refused-already-open = This consultation is already open.
refused-closed = This consultation is closed, and a closed consultation stays closed.
refused-closing-past = The planned closing is already past: choose a date to come.
refused-anonymous = This consultation is anonymous: nobody reads its ballots with their authors.
refused-not-draft = Only a draft can be thrown away.
refused-extension = An extension is 1 to { $days } days.
refused-slug = The name “{ $slug }” is taken: choose another one.
refused-role = This button is for organisers. The right belongs to one address: check that you are writing from it.
refused-unknown = This consultation does not exist.
refused-file = The consultation file needs correcting: { $problems }
export-label = File of the consultation “{ $title }”, to review or to use again.
preview-heading = Preview
preview-note = This is what participants receive, question by question.

## Composing

compose-title = Let us compose a consultation together. What is its title? Write it on one line, for example “The market square”.
compose-question = Write question number { $number } as residents will read it.
compose-kind = How is it answered?
compose-kind-single = One answer
compose-kind-multiple = Several answers
compose-kind-rating = A rating from 1 to 5
compose-kind-text = A written answer
compose-options = Write the possible answers, one per line (2 to 20).
compose-more = Question { $number } is ready. Add another one?
compose-add = Add a question
compose-enough = That is all
compose-anonymity = Are the answers anonymous?
compose-anonymous = Anonymous
compose-named = Named
compose-results = When are results shown?
compose-results-always = At any time
compose-results-after-vote = After answering
compose-results-after-close = At the closing
compose-duration = For how many days is it open?
compose-preview = Here is your consultation. Read it as a resident will.
compose-facts = { $anonymity }, { $days ->
    [one] one day
   *[other] { $days } days
}, results: { $results }.
compose-save-open = Open now
compose-save = Keep as a draft
compose-restart = Start again
compose-cancel = Give up
compose-cancelled = The composition was given up. Nothing was kept.
compose-nothing = No consultation is being composed. Start with /new_consultation.
compose-saved = “{ $title }” is kept as a draft.
compose-text-title = The title must fit in { $most } characters; yours has { $characters }. Write a shorter one.
compose-text-question = The question must fit in { $most } characters; yours has { $characters }. Write a shorter one.
compose-text-options = Send { $least } to { $most } different answers, one per line, of at most { $characters } characters each. Send the list again.
compose-only-private = Composing is done in a private message: write to me directly and send /new_consultation.
scale-1 = Not at all
scale-2 = Rather not
scale-3 = Neither yes nor no
scale-4 = Rather yes
scale-5 = Absolutely

## Public page

page-list-title = Consultations
page-list-open = Open
page-list-closed = Closed
page-list-empty = No consultation is published yet.
page-skip = Skip to content
page-other-language = En français
page-open-until = Open until { $closing }
page-closed-on = Closed on { $closing }
page-opens-on = Opens on { $opening }
page-how-to-answer = To answer, write to the service in a private message and send /polls.
page-participation = Participation
page-assurance = How a ballot is counted once
page-ballots = Ballots
page-total = Total
page-assurance-session = Per browser session
page-assurance-account = Per messaging account
page-assurance-code = Per personal code
page-results = Results
page-texts = Written answers, in random order
page-method = Method
page-method-account = One ballot per account: the same person on two accounts that are not linked counts twice.
page-method-session = Ballots cast from a browser are counted per session: opening a second browser allows a second ballot. They are shown apart in the participation.
page-method-anonymous = Anonymous consultation. At the closing, ballots are rewritten in random order and the key that tied them to the roll is destroyed: from then on crieur itself can no longer know who answered what. Before the closing the operator of the service could make that link; a backup made before the closing still could afterwards.
page-method-named = Named consultation: each person agreed before answering. Names are not published.
page-method-base = Percentages are of the ballots that answered the question; those that skipped it are not counted. Where several answers are possible they add up to more than 100%.
page-method-texts = Each written answer is detached from its ballot and shuffled among the others.
page-method-hash = SHA-256 of the wording of the questions:
page-csv = Download all ballots (CSV) to recount them
page-back = All consultations

## In rooms

goes-on-in-private = “{ $title }” goes on in private, where nobody reads along. If you see nothing from me there, open the conversation yourself:
private-answer = Answer in private
private-invitation = “{ $title }” is waiting for you here. Press “Answer” to write your answer.
announcement-private = Answers are given in private: in this room everybody can read.
announcement-votes = This consultation is not anonymous: you can also answer here, in the poll below or by reacting to this message. The whole room then sees your choice, and it is recorded under your name once you have agreed.
announce-in-the-room = Type /announce followed by the name of the consultation in the room where to announce it.
announce-which = Type /announce followed by the name of the consultation, for example /announce market-square.
vote-anonymous = “{ $title }” is anonymous: what you did in the room can be seen by everybody, so it is not counted. Answer here, where nobody reads along.
vote-not-here = “{ $title }” is not answered in the room: what you did there is not counted. Answer here.
vote-needs-consent = You answered “{ $title }” in the room. For your choice to count I need your agreement first.
refused-no-room = There is no room { $number } where I could write: “crieur consultation rooms” lists them.

## Codes

not-accepted-code = “{ $title }” is answered with a personal code. If you were given one, send /participate followed by that code.
not-accepted-or-code = If you were given a personal code, send /participate followed by that code.
code-ask = Write your personal code, for example 7F3KQ-M2XD9. It is good for one person only.
code-in-private = A code is given in private.
code-in-group = A code is given in private. Others may have read the one you have just written: give it soon, or ask for another one.
code-link = Give my code in private
code-wrong = This code is not right. Check each sign: there are ten, and never I, L, O or U. A code is good until its consultation closes.
code-used = This code was already used for “{ $title }”. If it is yours and you gave it from another chat network, link the two with /link.
code-second = You already take part in “{ $title }” with a code. This one stays good for the person it is meant for.
code-taken = Your code is accepted for “{ $title }”.
code-too-many = Too many codes were tried: try again in an hour.
refused-no-codes = This consultation takes no codes: write accepts = ["code"] in its file.
refused-code-count = Ask for 1 to { $most } codes.
page-method-code = Ballots cast with a personal code are counted by person: each code is good for one ballot. Whoever handed the codes out knows to whom.

## Informal polls

pulse-label = Informal poll: not a vote.
pulse-question = { $question } (informal poll)
pulse-until = You can answer until { $closing }. On some networks others see your choice.
pulse-in-words = This network has no polls: answers given here cannot be counted.
pulse-in-the-room = Type /pulse in the room where to ask the question.
pulse-how = Type /pulse, the question, then the answers, parted by bars. For example: /pulse Should we open in the evening? | Yes | No. The poll ends after 24 hours, or with /close_pulse.
pulse-none-here = No informal poll is open here.
pulse-closing = The poll is closed. Its result comes once the networks have counted it.
pulse-result-heading = Result of the informal poll
pulse-option = Choice
pulse-unknown = unknown
pulse-unknown-rooms = { $platform }: { $rooms ->
    [one] in one room the number of answers is unknown, and not in this table.
   *[other] in { $rooms } rooms the number of answers is unknown, and not in this table.
}
pulse-not-added = Each network counts in its own way and the same person may answer several times: these numbers do not add up, and are added to no ballot.
pulse-page = The details, room by room
pulse-open-until = Open until { $closing }
pulse-closed-on = Closed on { $closing }
pulse-room = Room { $number }
pulse-csv = Download the numbers (CSV)
pulse-json = Download the numbers (JSON)
refused-no-rooms = Say in which rooms to ask: “crieur consultation rooms” lists them.
refused-rooms-max = A pulse is asked in at most { $most } rooms.
pulse-limits = Write a question of { $question } characters at most, and { $least } to { $most } different answers of { $characters } characters at most.
refused-pulse-unknown = This pulse does not exist.
refused-pulse-draft = This pulse is not open.
refused-pulse-open = This pulse is already open.
refused-pulse-closed = This pulse is closed.
