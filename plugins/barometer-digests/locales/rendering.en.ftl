# What an edition says beside its entries.

rendering-week = week of { $days }
rendering-zone = { $place } time
rendering-when-hours = { $day } from { $start } to { $end } ({ $zone })
rendering-when-span = from { $start } to { $end } ({ $zone })

rendering-section-figures = Figures
rendering-section-consultations = Consultations and campaigns
rendering-section-news = News
rendering-section-events = Events

rendering-opened = open, without a closing date
rendering-opened-until = open until { $closing }
rendering-closing = closes on { $closing }
rendering-closed = closed on { $day }
rendering-ballots = { $count ->
    [one] { $count } ballot
   *[other] { $count } ballots
}
rendering-result = { $question } – { $answer }: { $votes ->
    [one] { $votes } vote
   *[other] { $votes } votes
} out of { $ballots ->
    [one] { $ballots } ballot
   *[other] { $ballots } ballots
} ({ $share })
rendering-participation = { $answered ->
    [one] { $answered } answer
   *[other] { $answered } answers
} out of { $respondents } ({ $share })
rendering-cancelled = Cancelled

rendering-correction = Correction of { $day }
rendering-more = And { $count ->
    [one] { $count } other
   *[other] { $count } others
}
rendering-more-here = And { $count ->
    [one] { $count } other, in
   *[other] { $count } others, in
} the full form of the digest
rendering-leave = Stop getting this digest
rendering-unsubscribe = Unsubscribe
rendering-subscriptions = My subscriptions
