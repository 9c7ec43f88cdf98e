# The public archive.

archive-skip = Skip to the content
archive-other-language = Version française
archive-feed = Atom feed of the digest
archive-feed-title = The digest – { $organisation }

archive-list-title = Archive of the digest
archive-list-lead = Every published edition stays here as it was sent.
archive-list-published = no. { $number }, published on { $day }
archive-list-corrected = corrected on { $day }
archive-list-empty = No edition has been published yet.
archive-list-foot = To get it, write /subscribe to the bot in your messenger.

archive-published = Edition no. { $number }, published on { $day }.
archive-corrections = Corrections
archive-corrections-note = The edition below is still as it was sent.
archive-before = before
archive-table = See the values as a table
archive-cancelled = Cancelled

archive-method = How this edition was made
archive-window = It looks at what was seen from { $from } to { $until }.
archive-definition = It was prepared with version { $version } of the digest file.
archive-sources = Sources
archive-source = Source
archive-query = What was asked for
archive-entries = Entries
archive-state = State
archive-query-all = everything it publishes
archive-state-read = read on { $moment }
archive-state-failing = failing at the time, read last on { $moment }
archive-state-never = failing at the time, never read
archive-state-own = kept here
archive-state-unasked = not read yet
archive-check = Check this edition
archive-hash = SHA-256 of the edition as it was sent:
archive-check-how = This command must show the same:
archive-json = The edition as JSON
archive-back = All editions
