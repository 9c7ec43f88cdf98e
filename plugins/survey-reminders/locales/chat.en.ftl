# What the recipient of a reminder has in chat. Short sentences, everyday words.
# $body is the collectivité, or “none” for somebody who answers for themselves.

## Buttons

chat-answer-here = Answer here
chat-later = Remind me later
chat-answered = Already answered
chat-not-mine = This is not for me
chat-stop = No more reminders
chat-answer-anyway = Answer anyway
chat-answer-again = See my answer again
chat-resume = Remind me again
chat-no-reminders = No reminder of any questionnaire
chat-not-answered-button = In fact, I have not answered yet
chat-mine = In fact, it is for me
chat-back = ← Back
chat-link = Answer the questionnaire

## Where I stand

chat-list = Questionnaires that wait for you
chat-list-none = No questionnaire waits for you at the moment.
chat-in-group = Others can read along here. Write to me in private.
chat-private-link = Open our private conversation
chat-unknown = This button is not, or no longer, for you. To know what waits for you, send /surveys.

chat-state-silent = { $body ->
    [none] “{ $title }” waits for your answer, until { $deadline }.
   *[other] “{ $title }” waits for the answer of your local authority ({ $body }), until { $deadline }.
}
chat-state-started = { $body ->
    [none] Your answer to “{ $title }” has begun. You can finish it until { $deadline }.
   *[other] The answer of your local authority ({ $body }) to “{ $title }” has begun. It can be finished until { $deadline }.
}
chat-state-answered = { $body ->
    [none] Your answer to “{ $title }” has arrived. Thank you! I will not remind you again.
   *[other] The answer of your local authority ({ $body }) to “{ $title }” has arrived. Thank you! Nobody there will be reminded again.
}
chat-state-declared = { $body ->
    [none] You said that you have already answered “{ $title }”. Thank you! I will not remind you again.
   *[other] You said that your local authority ({ $body }) has already answered “{ $title }”. Thank you! Nobody there will be reminded again.
}
chat-state-declared-by-another = Somebody of your local authority ({ $body }) said that it has already answered “{ $title }”. Nobody there will be reminded again.
chat-state-refused = { $body ->
    [none] You will not answer “{ $title }”: noted, I will not remind you again.
   *[other] Your local authority ({ $body }) will not answer “{ $title }”: noted, I will not remind you again.
}
chat-state-stopped = You will get no more reminders of “{ $title }”. You can still answer, until { $deadline }.
chat-state-not-mine = Noted: “{ $title }” is not for you, I will not remind you again.
chat-state-closed = “{ $title }” ended on { $deadline }. Thank you for your attention.
chat-state-cancelled = “{ $title }” is cancelled: there is nothing left to do.
chat-next = Next planned reminder: { $when }.

## Answering here

chat-answer-twice = A second answer will be kept apart: the first one counts.
chat-guest-here = Your local authority is invited to answer “{ $title }”. You can do it here.
chat-guest-waits = Your local authority is invited to answer “{ $title }”. Your personal link will come when the organisers have added you to those they write to.
chat-guest-answered = Your local authority has already answered “{ $title }”. A second answer would be kept apart.
chat-guest-answer = Answer here: { $title }
chat-guest-answer-anyway = Answer anyway: { $title }

## Later

chat-later-ask = When shall I remind you? You can answer “{ $title }” until { $deadline }.
chat-later-tomorrow = Tomorrow ({ $day })
chat-later-next-week = Next week ({ $day })
chat-later-other = Another day
chat-later-change = Choose another day
chat-later-write = Write the day, for example 15/10, 15 October or Monday.
chat-day-unreadable = I could not read that day. Write it for example like this: 15/10, 15 October, Monday or in 3 days.
chat-day-past = { $day } is today or over. Write a day to come, before { $deadline }.
chat-day-too-late = That would be too late: “{ $title }” ends on { $deadline }. Write an earlier day.
chat-later-too-late = “{ $title }” ends on { $deadline }: I cannot remind you again before that.
chat-later-moved = { $dropped ->
    [0] Noted: I will remind you from { $when }, not before.
    [one] Noted: I will remind you from { $when }, not before. Another reminder, planned until then, will not go out.
   *[other] Noted: I will remind you from { $when }, not before. { $dropped } other reminders, planned until then, will not go out.
}
chat-later-as-planned = Noted: nothing before { $day }. The next planned reminder goes out on { $when }; I cannot send another one.
chat-later-nothing = Noted, but no more reminders are planned for you: I will not be able to write to you about it again. Keep this message.

## Already answered, not for me, no more

chat-not-answered = Noted, I no longer take it as answered.
chat-resumed = Noted. If any reminders are still to come for you, they will go out as planned.
chat-nobody-else = All right, no name is noted.
chat-colleague-ask = Noted: I will not remind you again. Who should answer “{ $title }” for { $body }? Write their first and last name, if they agree: the organisers will see it, and it is erased if you change your mind. You do not have to give a name.
chat-colleague-nobody = I give no name
chat-colleague-unreadable = Write only a first and a last name, on one line, of { $most } characters at most, without any address or number.
chat-colleague-impossible = I could not note that name: the list of contacts of your local authority is full. The organisers can help you.
chat-colleague-forward = You named { $name }. Please forward this personal link to them yourself, in whichever way you like:
chat-colleague-link = { $network }:{" "}
chat-colleague-promise = I do not write to this person: they get nothing from me before they have come by this link, and no reminder before the organisers have added them. The link works once, until { $until }.
chat-colleague-came = You named { $name }: their invitation was used, or is no longer valid.

## /reminders

chat-reminders-on = You agreed to get reminders of questionnaires.
chat-reminders-off = You get no reminder of any questionnaire.
chat-reminders-unknown = No questionnaire is meant for you: there are no reminders to set.
chat-reminders-stopped = You asked for an end to all messages. To get reminders again, send /start first.
chat-reminders-wording = I agree that { $organisation } sends me reminders here of the questionnaires I am invited to answer. I can stop at any time with /reminders or STOP.
chat-reminders-agree = I agree to reminders
chat-reminders-given = Noted: you will get the reminders of the questionnaires you are invited to answer.
chat-reminders-withdrawn = Noted: you will get no more reminders of any questionnaire. If you change your mind, this is what you would agree to:
