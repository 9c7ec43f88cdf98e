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
unlink-yes = Yes, separate
unlink-no = No, stay linked
unlink-done = Done: this chat is on its own again.
unlink-cancelled = Nothing has changed: your chats stay linked.
unlink-alone = This chat is not linked to any other. To link one: /link.

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
