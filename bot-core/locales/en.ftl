# The words of crieur itself. Each plugin brings its own.
# Short sentences, no trade words. A text is shown as it stands: no markup.

## /start

start-welcome = Hello! I am the town crier, for { $organisation }.
start-again = Good to see you again! I am still the town crier, for { $organisation }.
start-what = I ask short questions here about local life, and I bring you the results. Answering takes a minute.
start-can = To see all that you can ask of me, write /help.
start-stop = To receive nothing more, write STOP or /stop, at any time.
start-privacy = I keep only what it takes to answer you and to count the answers: /my_data shows it, /erase erases it.

## Consent to write first

# Kept word for word with the answer.
consent-consultation-wording = Would you like to receive new consultations by { $organisation } here? You can change your mind at any time by writing /stop.
consent-yes = Yes, let me know
consent-no = No, thank you
consent-given = Noted: I will tell you here about new consultations. To stop: /stop.
consent-declined = Noted: I will only write to answer you. If you change your mind: /start.

## /help

help-intro = This is what you can write to me:
help-footer = You can also tap the buttons, or answer with their number.

## After an outage

outage-again = I was away for a while. If you answered meanwhile, your answer did not reach me: here is the question again.

## When I cannot follow

unknown-command = I do not know { $command }. Write /help to see what I understand.
not-understood = I did not understand. Tap a button, answer with its number, or write /help.
command-not-allowed = This command is not available here. Write /help to see those that are.
command-for-moderators = In a room, this is for its moderators. You can ask me in private, for yourself.
action-forged = This button is not valid in this conversation. Nothing was recorded.
action-stale = This button is out of date. Nothing was changed: use the latest message.
plugin-unavailable = This part of the service is stopped for the moment. What you have already sent is kept. Please try again later.
service-error = Something went wrong on my side, and nothing was recorded. Please try again in a moment.
text-too-long =
    { $maximum ->
        [one] Your message is too long: { $maximum } character at most. Nothing was recorded. Shorten it and send it again.
       *[other] Your message is too long: { $maximum } characters at most. Nothing was recorded. Shorten it and send it again.
    }
number-out-of-range =
    { $maximum ->
        [one] There is only one choice: answer { $maximum }.
       *[other] This number is not in the list: answer with a number from 1 to { $maximum }.
    }
group-private = Everybody reads us here. To answer, write to me in private: nobody else will see your answers.

## /language

language-ask = In which language would you like me to write to you?
language-fr = Français
language-en = English
language-set = All right, I will write to you in English.

## /stop

stop-done = All right: I will not write to you first any more. I still answer when you write to me. To receive consultations again: /start.
stop-already = You already receive nothing from me. To receive consultations again: /start.

## /my_data

my-data-intro = Here is all that I keep about you for { $organisation }, in a file. Ballots of closed anonymous consultations are not in it: nothing links them to you any more.
my-data-file-label = My data
# No space: this is the name of a file.
my-data-file-name = my-data.json

## /erase

erase-ask = Do you want to erase what I keep about you for { $organisation }? This cannot be undone.
erase-removed = What will be erased: your addresses, on every chat that you have linked; your language and your consents; our exchanges; the answers you have begun; your name wherever it stands beside an answer.
erase-kept = What stays: ballots already cast still count, without your name. Until the open consultations close, I keep an unreadable fingerprint of your addresses, so that nobody votes twice. After the closing, nothing links an anonymous ballot to you any more.
erase-yes = Yes, erase
erase-no = No, keep everything
erase-done = Done: your data is erased. If you write to me again, it will be like the first time. Goodbye, and thank you!
erase-cancelled = Nothing was erased.

## /link

link-code = Your code: { $code }
link-how =
    { $minutes ->
        [one] In your other chat, write this to me within { $minutes } minute: /link { $code }
       *[other] In your other chat, write this to me within { $minutes } minutes: /link { $code }
    }
link-secret = Give this code to nobody: it is there to link you to yourself.
# In the conversation where the code was typed.
link-confirm-typed = This code was asked for on { $platform }. Is that you?
# In the conversation that asked for the code.
link-confirm-asked = Your code has just been typed on { $platform }. Is that you?
link-effect = If you say yes on both sides, you will be one person to me: you will answer from wherever you like, and count once. Of two ballots, the one from the address that asked for the code is kept. If one of the two wants to receive nothing, the other will receive nothing more either.
link-yes = Yes, that is me
link-no = No
link-waiting = Thank you. It remains to say yes on { $platform }.
link-done = Done: you are now the same person here and on { $platform }. To undo this: /unlink.
link-refused = Nothing was linked. If you did not ask for a code, there is nothing you need to do.
link-wrong-code = This code is not right. Check it, or ask for another by writing /link in your other chat.
link-expired = This code is no longer valid. Ask for another by writing /link.
link-limit = There were too many tries. Wait a little, then ask for another code by writing /link.
link-own-code = This code was asked for right here. Write it in your other chat.
link-already = These two chats are already linked.

## /unlink

unlink-ask = Do you want to separate this chat from the others?
unlink-effect = I will know you here as a person apart. Where you have already answered, your ballot stays with your other chats, and you cannot answer a second time from here.
unlink-invitation-ask = Do you want to detach this chat from the invitation you accepted?
unlink-invitation-effect = I will no longer remind you of surveys here. A new invitation can be sent, to you or to the right person.
unlink-yes = Yes, separate
unlink-no = No, stay linked
unlink-done = Done: this chat is on its own again.
unlink-cancelled = Nothing has changed: your chats stay linked.
unlink-alone = This chat is not linked to any other. To link one: /link.

## /invite

invitation-how = To accept an invitation, open the link you were sent, or write /invite followed by your code.
# Nothing else about the person is shown before the yes.
invitation-ask =
    Are you { $name }, of the { $kind ->
        [commune] commune
        [epci] group of communes
        [departement] département
        [region] region
       *[other] local authority
    } “{ $collectivite }”?
invitation-ask-name = Are you { $name }?
invitation-ask-collectivite = This invitation is for “{ $collectivite }”. Is it meant for you?
invitation-ask-anybody = Is this invitation meant for you?
invitation-who = I write to you for { $organisation }, and for nobody else.
invitation-often = For each survey, expect one invitation and a few reminders. I stop reminding as soon as your answer is known.
# The rule that the service applies to everything it sends of its own accord.
invitation-cap =
    { $messages ->
        [one] Taking all surveys together, I do not write of my own accord more than once in { $days } days.
       *[other] Taking all surveys together, I do not write of my own accord more than { $messages } times in { $days } days.
    }
invitation-stop = To receive nothing more, write STOP, at any time.
invitation-kept = If you say yes, I link this chat to what { $organisation } already knows of you: your name, your local authority, your contact details. I also keep your consent. /my_data shows you everything, /erase erases it.
# Kept word for word with the answer.
invitation-consent-wording = By answering “Yes, that is me”, you agree that I write to you here to invite you to the surveys of { $organisation } and to remind you of them. You can change your mind at any time by writing STOP.
invitation-yes = Yes, that is me
invitation-no = No
invitation-welcome = Done, thank you! I now know where to write to you for { $organisation }.
invitation-more = If you use another chat as well, /link links it to this one. To see all you can ask me: /help.
invitation-disowned = Noted: nothing was linked, and I will not write here for this invitation. If it was passed on to you by mistake, there is nothing you need to do.
invitation-no-consent = Noted: I will send you no reminders.
invitation-not-valid = This invitation is not valid. Check your code, or open the link you were sent once more.
invitation-expired = This invitation has ended. Ask for another from whoever sent it to you.
invitation-used = This invitation has been used already. If that was you, in another chat, write /link there: I will give you a code to write here. If not, tell whoever sent it to you.
invitation-superseded = A newer invitation has replaced this one. Use the last one you were sent.
invitation-revoked = This invitation has been taken back. If you think that is a mistake, ask for another from whoever sent it to you.
invitation-limit = There were too many tries. Wait ten minutes, then try again.
invitation-yours = You have already accepted this invitation: there is nothing more you need to do.
invitation-elsewhere = I already know the person invited in another chat. If that is you, write /link there: I will give you a code to write here.
invitation-conflict = This chat is already linked to another invitation: I changed nothing, and I let whoever invited you know. If both invitations are for you, tell them. If this one is for somebody else, open it from their chat.

## Consent for another chat

# Kept word for word with the answer.
address-consent-wording = May I also write to you here, for the surveys of { $organisation }, if I do not reach you in your other chat? You can change your mind at any time by writing STOP.
address-consent-yes = Yes, here as well
address-consent-no = No, not here
address-consent-given = Noted: I will write to you here if I do not reach you elsewhere.
address-consent-declined = Noted: here I will only write to answer you.

## Invitations on paper

print-title = Personal invitations from { $organisation }
print-invites = I am the bot that writes for { $organisation }. With this invitation you can answer its surveys in your chat.
print-open = On { $network }, point the camera at this picture, or open this link:
print-then = Then write there the text given below.
print-qr = QR code of the link for { $network }
print-write = In a conversation with the bot, write:
print-write-else = Or, in a conversation with the bot, write:
print-personal = This invitation is personal and works once, until this date: { $until }. You will first be asked whether it is you.

## Links to the private conversation

private-link-then = then write
private-link-write = write to me in private

## When a message goes out

sending-postponed = postponed to { $moment }: { $reasons }
sending-never = no hour suits within a year: { $reasons }
sending-hours-organisation = outside the organisation’s sending hours
sending-hours-sender = outside this campaign’s sending hours
sending-hours-recipient = outside the hours the person chose
sending-weekend = no message on Saturday or Sunday
sending-holiday = { $day } is a public holiday ({ $holiday })
sending-pressure =
    { $messages ->
        [one] the person has already had { $messages } message
       *[other] the person has already had { $messages } messages
    } within { $days ->
        [one] { $days } day
       *[other] { $days } days
    }
hours-always = at any hour
hours-never = never
hours-every-day = every day
hours-one-day = on { $day }
hours-days = { $first } to { $last }
hours-whole-day = all day
hours-span = from { $from } to { $to }
holiday-new-year = New Year’s Day
holiday-good-friday = Good Friday
holiday-easter-monday = Easter Monday
holiday-labour-day = Labour Day
holiday-victory-1945 = Victory in Europe Day
holiday-ascension = Ascension Day
holiday-whit-monday = Whit Monday
holiday-bastille-day = Bastille Day
holiday-assumption = Assumption
holiday-all-saints = All Saints’ Day
holiday-armistice-1918 = Armistice Day
holiday-christmas = Christmas Day
holiday-saint-stephen = Saint Stephen’s Day
holiday-abolition-of-slavery = abolition of slavery
holiday-victor-schoelcher = Victor Schœlcher Day
holiday-arrival-of-the-gospel = arrival of the Gospel
holiday-autonomy-day = Autonomy Day
holiday-matarii = Matari’i
holiday-saint-pierre-chanel = Saint Peter Chanel’s Day
holiday-territory-day = Territory Day
holiday-citizenship-day = Citizenship Day
territory-metropole = Metropolitan France
territory-alsace-moselle = Alsace and Moselle
territory-guadeloupe = Guadeloupe
territory-martinique = Martinique
territory-guyane = French Guiana
territory-reunion = Réunion
territory-saint-pierre-et-miquelon = Saint Pierre and Miquelon
territory-mayotte = Mayotte
territory-saint-barthelemy = Saint Barthélemy
territory-saint-martin = Saint Martin
territory-wallis-et-futuna = Wallis and Futuna
territory-polynesie-francaise = French Polynesia
territory-nouvelle-caledonie = New Caledonia

## /hours

my-hours-now = When I write to you without having been asked, it is { $hours }. Your time is that of this place: { $zone }.
my-hours-organisation = Whatever you choose, { $organisation } only writes in these hours: { $hours }.
my-hours-ask = When would you like me to write to you? I always answer at once when you write to me.
my-hours-any-time = At any hour
my-hours-daytime = From 8:00 to 20:00
my-hours-office = Monday to Friday, from 9:00 to 18:00
my-hours-zone = Change the time zone
my-hours-zone-ask = Which place’s time is yours?
my-hours-set = Noted. When I write to you without having been asked, it will be { $hours }. Your time is that of this place: { $zone }.
zone-marquesas = Marquesas Islands
zone-gambier = Gambier Islands
