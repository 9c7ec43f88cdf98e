# What an edition says beside its entries.

rendering-week = semaine { $days }
rendering-zone = heure de { $place }
rendering-when-hours = { $day } de { $start } à { $end } ({ $zone })
rendering-when-span = du { $start } au { $end } ({ $zone })

rendering-section-figures = Chiffres
rendering-section-consultations = Consultations et campagnes
rendering-section-news = Actualités
rendering-section-events = Rendez-vous

rendering-opened = ouverte, sans date de fin
rendering-opened-until = ouverte jusqu’au { $closing }
rendering-closing = se termine le { $closing }
rendering-closed = terminée le { $day }
rendering-ballots = { $count ->
    [one] { $count } bulletin
   *[other] { $count } bulletins
}
rendering-result = { $question } – { $answer } : { $votes } voix sur { $ballots ->
    [one] { $ballots } bulletin
   *[other] { $ballots } bulletins
} ({ $share })
rendering-participation = { $answered ->
    [one] { $answered } réponse
   *[other] { $answered } réponses
} sur { $respondents } ({ $share })
rendering-cancelled = Annulé

rendering-correction = Correction du { $day }
rendering-more = Et { $count ->
    [one] { $count } autre
   *[other] { $count } autres
}
rendering-more-here = Et { $count ->
    [one] { $count } autre, dans
   *[other] { $count } autres, dans
} la version complète de la lettre
rendering-leave = Ne plus recevoir cette lettre
rendering-unsubscribe = Se désabonner
rendering-subscriptions = Mes abonnements
