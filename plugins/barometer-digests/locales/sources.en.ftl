# Sources, and what is wrong with them: one paragraph that says what to do.
source-no-answer = { $kind ->
    [bad_address] The address cannot be asked: correct `url` of this source.
    [forbidden] The address leads into a private network, where nothing is asked: correct `url`, or have the operator allow this server.
    [secret] A secret that the address names is missing, or not allowed for this server: see the operator.
    [no_https] This program is built without HTTPS: see the operator.
    [unknown_host] The server’s name does not exist: correct `url`.
    [unreachable] The server cannot be reached.
    [too_slow] The server did not answer in time.
    [broken_off] The answer broke off.
    [too_long] The answer is too long: ask for a shorter feed, or for a part of it.
    [compressed] The server sends a compressed answer, which was not asked for.
    [redirected] The server redirects in a way that is not followed: write the final address as `url`.
   *[other] The server did not answer.
} ({ $why })
source-status = The server answers { $status }: check `url` of this source.
source-gone = The source says that it no longer exists (410): remove it from the file, or write its new address.
source-busy = The server asks for patience ({ $status }): the source will be asked again later.
source-empty = The answer is empty.
source-page-with-feed = This is a web page, not a feed. Write the address of its feed as `url`: { $feed }
source-page = This is a web page, not a feed: write the address of its RSS or Atom feed as `url`.
source-no-feed = This is neither RSS nor Atom nor JSON Feed: check `url` and `kind` of this source.
source-malformed = The feed is broken ({ $why }): nothing of it is taken until its publisher repairs it.
source-excessive = The feed nests or repeats its markup more than any real one: nothing of it is taken.
source-page-for-calendar = This is a web page, not a calendar: write the address of its .ics file as `url`.
source-no-calendar = This is no iCalendar: check `url` and `kind` of this source.
# What was left out of a source that works.
notice-wordless = { $count ->
    [one] One entry without a word was left out.
   *[other] { $count } entries without a word were left out.
}
notice-too-many = { $count ->
    [one] One entry too many was not read.
   *[other] { $count } entries too many were not read.
}
notice-no-start = “{ $title }” does not say when: the event was left out.
notice-no-start-no-title = An event without title and date was left out.
notice-no-title = The event of { $start } has no title: it was left out.
notice-unknown-zone = The time zone “{ $zone }” is unknown: its hours are read on the digest’s clock.
notice-unknown-rule = The recurrence of “{ $title }” is not understood ({ $rule }): only its first date is shown.
notice-cut-off = The calendar breaks off in the middle of an event, which was left out.
