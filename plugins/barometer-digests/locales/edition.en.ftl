# Editions and their editors.

## Why an operation did not run

refused-unknown-edition = There is no edition { $number }: see the list with /digests or `crieur digest list`.
refused-no-definition = No digest is defined yet: store its file first with `crieur digest set FILE`.
refused-file = The file is not right:
    { $problems }
refused-unchanged = This file is the one in force already: there is nothing to change.
refused-no-weekly = This digest has no weekly editions: add [weekly] to its file, or draft the month’s.
refused-no-monthly = This digest has no monthly editions: add [monthly] to its file, or draft the week’s.
refused-period-taken = The period { $period } has edition { $number } already ({ $state }): go on with that one, or skip it first.
refused-other-bytes = This is not the hash of edition { $number } at this revision: read it again, its hash is shown with it.
refused-period-published = The period { $period } has edition { $number } already ({ $state }), and what is published is not made again: correct it, or wait for the next period.
refused-changed = Edition { $number } has changed meanwhile: you saw revision { $seen }, and it is at { $now } now. Read it again, then repeat with what it is now.
refused-is-draft = Edition { $number } is still a draft: change it, or approve it first.
refused-is-approved = Edition { $number } is approved and never changes: send it, skip it, or append a correction.
refused-is-published = Edition { $number } is published already: what is wrong is corrected by a line that is appended.
refused-is-skipped = Edition { $number } was skipped: draft another one for its period.
refused-unknown-entry = This edition has no entry { $key }: see its entries.
refused-unknown-candidate = Nothing that can be added is called { $key }: see what can be.
refused-full = This edition has { $most } entries already, as many as an edition can have: drop some first.
refused-at-the-end = This entry is at the end of its section already.
refused-introduction = The introduction does not fit: { $problem }
refused-no-words = The words are missing: write at least one.
refused-too-long = The words are too long: at most { $most } characters.

## States

state-draft = draft
state-approved = approved
state-sending = being sent
state-sent = sent
state-skipped = skipped

## The list

editions-heading = The observatory’s digest
editions-none = There is no edition yet.
editions-item = number { $number }, { $period }: { $state }, { $entries ->
    [0] empty
    [one] one entry
   *[other] { $entries } entries
}
editions-button = { $number } · { $period } · { $state }
editions-draft-weekly = Draft this week’s
editions-draft-monthly = Draft this month’s
editions-older = Older ({ $count })
editions-newer = Newer
editions-all = All editions

## One edition

edition-heading = { $number } · { $title }
edition-state = { $period }, { $state }, revision { $revision }
edition-window = From { $from } to { $until }
edition-figures = { $count ->
    [one] one figure
   *[other] { $count } figures
}
edition-consultations = { $count ->
    [one] one consultation or campaign
   *[other] { $count } consultations and campaigns
}
edition-news = { $count ->
    [one] one piece of news
   *[other] { $count } pieces of news
}
edition-events = { $count ->
    [one] one event
   *[other] { $count } events
}
edition-contents = In it: { $counts }
edition-empty = Nothing is in this edition: add an entry, or skip it.
edition-introduction = Introduction: { $locales }
edition-no-introduction = Introduction: not written yet
edition-failing = { $count ->
    [one] One source was failing
   *[other] { $count } sources were failing
} when it was drafted: { $names }. What they gave before is in it.
edition-expected = { $count ->
    [0] Nobody subscribes to it
    [one] For one subscriber
   *[other] For { $count } subscribers
}
edition-corrections = { $count ->
    [one] One correction appended
   *[other] { $count } corrections appended
}
edition-stale = That button was of an older version: here is the edition as it is now.
edition-drafted = The edition is drafted.
edition-approved = The edition is approved. It is not sent yet.
edition-published = The edition is published: readers get it at their hour.
edition-skipped = The edition is skipped: nobody gets it.
edition-introduced = The introduction is stored.
edition-introduction-erased = The introduction is erased.
edition-entry-dropped = Dropped: { $entry }
edition-entry-added = Added: { $entry }

edition-read = Read
edition-preview = Previews
edition-introduce = Introduction
edition-entries = Entries
edition-add = Add
edition-approve = Approve
edition-send = Send
edition-skip = Skip
edition-back = ← The edition

preview-ask = In which language and form? You see it here as this network shows it. For the networks side by side: crieur digest preview { $number } --networks
preview-full-fr = French, full
preview-short-fr = French, short
preview-full-en = English, full
preview-short-en = English, short
preview-plain-fr = French, no buttons, no pictures
preview-plain-en = English, no buttons, no pictures

introduction-none = Nothing is written in { $language ->
    [fr] French
   *[other] English
} yet.
introduction-is = In { $language ->
    [fr] French
   *[other] English
}: { $words }
introduction-write-fr = Write in French
introduction-write-en = Write in English
introduction-erase-fr = Erase the French
introduction-erase-en = Erase the English
introduction-ask = Now write the introduction in { $language ->
    [fr] French
   *[other] English
}, as one message: at most 4,000 characters. Markdown is understood: **important**, [link](https://example.org).

entries-heading = Entries of edition { $number }
entries-none = This edition has no entry.
entries-further = Further
entries-back = Back
entry-drop = Drop
entry-up = Move up
entry-down = Move down
entry-all = ← The entries

candidates-heading = What can be added to edition { $number }
candidates-none = There is nothing else to add: all that falls into its window is in it.

entry-figure = Figure: { $title }
entry-consultation = Consultation: { $title }
entry-campaign = Campaign: { $title }
entry-news = { $title } ({ $source })
entry-event = Event: { $title } ({ $source })

approve-ask = Approve edition { $number } as it is? Hash { $hash }, revision { $revision }, { $counts }. After that it never changes.
counts-none = no entry
approve-empty = It is empty: only those who asked to be told will get a word that there is nothing this time.
approve-sends = It is published at once, and readers get it at their hour.
approve-keeps = It goes out only when you send it.
approve-confirm = Yes, approve
approve-cancel = No, not yet
send-ask = Publish edition { $number }? Readers get it at their hour; it cannot be taken back.
send-confirm = Yes, publish
send-cancel = No, not yet
skip-ask = Why skip edition { $number }? Write the reason in a sentence: it stays in the edition’s file. Its period will be free for another.

editor-role = This is for organisers only.
editor-unknown-number = Write an edition’s number after the command, for example: /digests 12

## What editors are told by themselves

told-draft = The draft of the digest is ready.
told-draft-empty = This period’s digest is empty: nothing is sent unless you add something.
told-approved = The digest was approved by itself, as its file says. It waits to be sent.
told-published = The digest was approved by itself, as its file says, and goes out: readers get it at their hour.
told-open = Open the edition
