# Subscribing and leaving.

readers-no-digest = There is no digest to subscribe to yet. Come back later: it will be offered here.

readers-offer = “{ $title }” is the digest sent by { $organisation }: figures, results of consultations, news and events to come, { $rhythms ->
    [weekly] each week
    [monthly] each month
   *[both] each week or each month
 }. Each line says where it comes from.
readers-for-the-room = These choices are for the whole room: everybody here reads the same digest.
readers-offer-settings = This is what { $where ->
    [room] the room would get
   *[person] you would get
 } (all of it can be changed, before and after):
readers-consent-wording = { $where ->
    [room] By subscribing this room you ask { $organisation } to send “{ $title }” here at the time chosen. A moderator can stop it at any time with /unsubscribe.
   *[person] By subscribing you agree that { $organisation } sends you “{ $title }” here at the time chosen, and keeps your settings to do so. You can stop at any time with /unsubscribe, or with the word STOP.
 }
readers-subscribe = { $where ->
    [room] Subscribe this room
   *[person] Subscribe
 }
readers-choose-first = Choose first

readers-when = When: { $when }
readers-when-words = { $rhythm ->
    [monthly] each month, on the first { $day } at { $hour }
   *[weekly] each { $day } at { $hour }
 }
readers-topics-chosen = Topics: { $topics }
readers-topics-all = all
readers-topics-gone = none, since those that were chosen no longer exist
readers-language = Language: { $chosen ->
    [en] English
   *[fr] French
 }
readers-form = Version: { $chosen ->
    [full] full, with summaries and charts
   *[short] short, one line for each item
 }
readers-when-empty = If there is nothing on these topics: { $chosen ->
    [say_so] a message says so
   *[stay_silent] no message
 }

readers-lead-outside = { $where ->
    [room] This room is not subscribed to “{ $title }”. Here are the settings: change what you like before subscribing it.
   *[person] You are not subscribed to “{ $title }”. Here are your settings: change what you like before subscribing.
 }
readers-lead-welcome = { $where ->
    [room] Done: this room is subscribed to “{ $title }”.
   *[person] Done: you are subscribed to “{ $title }”.
 }
readers-lead-already = { $where ->
    [room] This room is already subscribed to “{ $title }”.
   *[person] You are already subscribed to “{ $title }”.
 }
readers-lead-back = { $where ->
    [room] This room is subscribed to “{ $title }” again, with the same settings.
   *[person] You are subscribed to “{ $title }” again, with the same settings.
 }
readers-lead-how = { $where ->
    [room] This room is subscribed to “{ $title }”.
   *[person] You are subscribed to “{ $title }”.
 }
readers-lead-changed = Noted for “{ $title }”.
readers-next = Next digest: { $when }.
readers-rhythm-gone = { $rhythm ->
    [monthly] There is no monthly digest any more: choose the weekly one to go on getting it.
   *[weekly] There is no weekly digest any more: choose the monthly one to go on getting it.
 }
readers-latest = Read the latest digest (no. { $number })

readers-choose-topics = Choose topics
readers-choose-day = Change the day
readers-choose-hour = Change the hour
readers-choose-weekly = Get it each week
readers-choose-monthly = Get it each month
readers-choose-fr = Get it in French
readers-choose-en = Get it in English
readers-choose-full = Full version
readers-choose-short = Short version
readers-choose-say-so = Tell me when there is nothing
readers-choose-stay-silent = No message when there is nothing
readers-leave = Unsubscribe
readers-settings-back = Back
readers-topics-ask = Which topics? Tick those you care about; with none ticked you get all of them.
readers-choose-all-topics = All topics
readers-day-ask = { $rhythm ->
    [monthly] Which day? The month’s digest comes on the first such day of the month.
   *[weekly] Which day of the week?
 }
readers-hour-ask = At what time? Hours are those of the zone { $zone }.
readers-hours-earlier = Earlier
readers-hours-later = Later

readers-left = { $where ->
    [room] Done: this room will not get “{ $title }” any more.
   *[person] Done: you will not get “{ $title }” any more.
 }
readers-left-return = To come back with the same settings: “Undo” below, or /subscribe whenever you like.
readers-come-back = Undo
readers-not-subscribed = { $where ->
    [room] This room is not subscribed to “{ $title }”. To subscribe it, write /subscribe.
   *[person] You are not subscribed to “{ $title }”. To subscribe, write /subscribe.
 }

readers-page-title = Stop getting “{ $title }”?
readers-page-ask = You will not get “{ $title }” any more. Nothing changes until you press the button.
readers-page-leave = Unsubscribe me
readers-page-instead = To get it less often or on fewer topics, write /subscriptions instead, in the conversation where it comes.
readers-page-left-title = You are unsubscribed
readers-page-left = You will not get “{ $title }” any more.
readers-page-left-then = To come back, write /subscribe in the conversation where it came: your settings are kept.
readers-page-room-title = This digest is a room’s
readers-page-room = “{ $title }” comes to a room, where everybody reads it.
readers-page-room-then = To stop it, a moderator of the room writes /unsubscribe there.
readers-page-unknown-title = This link leads nowhere
readers-page-unknown = This link is incomplete, or no longer valid. To unsubscribe, write /unsubscribe, or the word STOP, in the conversation where the digest comes.
