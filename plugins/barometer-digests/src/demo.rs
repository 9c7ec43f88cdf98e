//! The digest of the demonstration: a published edition in the archive, and a draft of this week to approve. Figures are
//! those the observatory published; news and events are made up, say so, and stand there as if they had been fetched.

use bot_core::Locale;
use bot_core::plugin::{Context, HandlerError};
use chrono::{DateTime, TimeDelta, Utc};
use digest_parsing::{calendar, feed};

use crate::barometer::store::{self as datasets, By};
use crate::barometer::table::{self, Wanted};
use crate::definition::{Cadence, Definition, Key, Source};
use crate::edition::operations::{self, OperationError};
use crate::edition::store;
use crate::sources::{harvest, items};

const FILE: &str = include_str!("../demo/digest.toml");
const FIGURES: &str = include_str!("../examples/barometre.csv");
/// Who did it, as editions and the audit log name them.
const EDITOR: Option<&str> = Some("demonstration");

const INTRODUCTION_FR: &str = "Ceci est une **démonstration** : les chiffres sont ceux que l’observatoire a publiés de 2016 à \
    2018, les actualités et les rendez-vous sont inventés.";
const INTRODUCTION_EN: &str = "This is a **demonstration**: the figures are those the observatory published from 2016 to 2018, \
    the news and events are made up.";

/// Title, summary, and how many hours before now.
type News = (&'static str, &'static str, i64);

const NEWS_OF_LAST_WEEK: [News; 3] = [
    (
        "Trifouilly ouvre son premier budget participatif",
        "Les habitants proposent des projets pendant un mois ; 80 000 € sont à répartir.",
        30,
    ),
    (
        "Un guide pour accueillir ceux qui ne viennent jamais",
        "Douze communes racontent comment elles invitent, à la sortie des écoles et au marché.",
        55,
    ),
    (
        "Le conseil de quartier de Belle-Rive passe au logiciel libre",
        "La plateforme est partagée avec deux voisins.",
        90,
    ),
];

const NEWS_OF_THIS_WEEK: [News; 3] = [
    (
        "Trois villes publient l’évaluation de leurs consultations",
        "Qui a répondu, qui ne l’a pas fait, et ce qu’elles changent la prochaine fois.",
        20,
    ),
    (
        "Une formation à la concertation pour les agents des petites communes",
        "Deux jours, gratuits, dans six départements.",
        48,
    ),
    (
        "Retour d’expérience : une année de votes par messagerie à Pont-Clair",
        "Les chiffres, et ce qui n’a pas marché.",
        70,
    ),
];

/// Fills an organisation that has no digest yet, and asks nobody for anything. One that has a digest keeps it.
///
/// # Errors
/// Those of the database; a refusal when what stands here is wrong, which a test excludes.
pub async fn fill(cx: &mut Context) -> Result<(), OperationError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    if store::definition(cx.sql(), organisation).await?.is_some() {
        return Ok(());
    }
    operations::set_definition(cx, FILE, EDITOR).await?;
    cx.cancel_fire(harvest::FIRE, "");
    let week_ago = now - TimeDelta::weeks(1);
    let events = events(week_ago);
    hear(cx, week_ago - TimeDelta::hours(1), &NEWS_OF_LAST_WEEK, &events).await?;
    // The archive begins last week: so do the edition and everything in it.
    cx.now = week_ago - TimeDelta::hours(1);
    let figures = table::read(FIGURES.into(), &Wanted::Usual).map_err(|errors| broken(&errors))?;
    datasets::import(cx, &key("barometre")?, "barometre.csv", By::Operator, &figures, false).await?;
    cx.now = week_ago;
    let mut first = operations::draft(cx, Cadence::Weekly, EDITOR).await?;
    for (locale, words) in [(Locale::Fr, INTRODUCTION_FR), (Locale::En, INTRODUCTION_EN)] {
        first = operations::introduce(cx, first.number, first.revision, locale, words, EDITOR).await?;
    }
    operations::approve(cx, first.number, first.revision, first.hash, EDITOR).await?;
    cx.now = now;
    hear(cx, now - TimeDelta::minutes(1), &NEWS_OF_THIS_WEEK, &events).await?;
    operations::draft(cx, Cadence::Weekly, EDITOR).await?;
    Ok(())
}

fn broken(error: &impl std::fmt::Display) -> HandlerError {
    HandlerError::Broken(format!("the demonstration's digest: {error}"))
}

fn key(text: &str) -> Result<Key, HandlerError> {
    text.parse().map_err(|error: String| broken(&error))
}

fn source<'d>(definition: &'d Definition, name: &str) -> Result<&'d Source, HandlerError> {
    definition.source(&key(name)?).ok_or_else(|| broken(&format!("there is no source {name}")))
}

/// Keeps news and events as if the sources had told them at `heard_at`.
async fn hear(cx: &mut Context, heard_at: DateTime<Utc>, news: &[News], events: &str) -> Result<(), OperationError> {
    let organisation = cx.organisation.id;
    let definition = operations::definition(cx).await?.definition;
    let entries: Vec<feed::Entry> = news.iter().map(|one| entry(one, heard_at)).collect();
    let actualites = source(&definition, "actualites")?;
    items::keep_news(cx.sql(), organisation, actualites, &entries, heard_at, false).await?;
    let agenda = source(&definition, "agenda")?;
    let read = calendar::read(events.as_bytes(), None, &agenda.url, definition.time_zone);
    let events = read.map_err(|error| broken(&error))?.events;
    items::keep_events(cx.sql(), organisation, &definition, agenda, &events, heard_at).await?;
    sqlx::query!(
        "UPDATE barometer_digests.source SET asked_at = $2, succeeded_at = $2 WHERE organisation_id = $1",
        organisation.0,
        heard_at,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

fn entry((title, summary, hours): &News, heard_at: DateTime<Utc>) -> feed::Entry {
    feed::Entry {
        id: None,
        url: None,
        title: (*title).to_owned(),
        summary: (*summary).to_owned(),
        published_at: Some(heard_at - TimeDelta::hours(*hours)),
        language: Some("fr".to_owned()),
    }
}

/// A calendar of the weeks after `week_ago`.
fn events(week_ago: DateTime<Utc>) -> String {
    let planned: [(&str, &str, i64); 2] = [
        ("Rencontre des communes qui débutent", "Trifouilly, salle des fêtes", 10),
        ("Atelier : écrire une consultation de trois questions", "En ligne", 17),
    ];
    let events = planned.map(|(title, place, days)| {
        let day = (week_ago + TimeDelta::days(days)).format("%Y%m%d");
        format!(
            "BEGIN:VEVENT\r\nUID:{days}@agenda.example.org\r\nDTSTART;TZID=Europe/Paris:{day}T180000\r\n\
             DTEND;TZID=Europe/Paris:{day}T200000\r\nSUMMARY:{title}\r\nLOCATION:{place}\r\nEND:VEVENT\r\n"
        )
    });
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//crieur//demo//FR\r\n{}END:VCALENDAR\r\n", events.concat())
}

#[cfg(test)]
mod tests {
    use bot_core::Clock;
    use bot_core::plugin::Effect;
    use bot_core::plugin_bench::PluginBench;

    use super::*;
    use crate::edition::model::Section;
    use crate::edition::store::State;

    #[tokio::test]
    async fn the_demonstration_has_an_archive_and_a_draft_and_asks_nobody() {
        let now = "2026-11-22T09:00:00Z".parse().unwrap();
        let bench = PluginBench::new("barometer-digests".parse().unwrap(), Clock::manual(now), 931).await;
        let fills = async || {
            let filled = async |cx: &mut Context| fill(cx).await.map_err(|error| broken(&error));
            bench.call(None, Locale::Fr, filled).await.unwrap().1
        };
        let effects = fills().await;
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Fetch(_))));
        let last_of_harvest = effects.iter().rev().find(|effect| match effect {
            Effect::Schedule(fire) => fire.scope == harvest::FIRE,
            Effect::CancelFire { scope, .. } => scope == harvest::FIRE,
            _ => false,
        });
        assert!(matches!(last_of_harvest, Some(Effect::CancelFire { .. })), "no source is ever asked");
        let pictures = effects.iter().filter(|effect| matches!(effect, Effect::StoreMedia { .. })).count();
        assert_eq!(pictures, 4, "two charts in two languages");

        let (editions, _) = bench
            .call(None, Locale::Fr, async |cx| operations::list(cx, 9).await.map_err(|error| broken(&error)))
            .await
            .unwrap();
        let [draft, first] = editions.as_slice() else { panic!("{editions:?}") };
        assert_eq!((first.state, draft.state), (State::Sending, State::Draft));
        assert_eq!(first.edition.introduction.len(), 2);
        let sections = [Section::Figures, Section::News, Section::Events];
        assert_eq!(sections.map(|section| first.edition.count(section)), [3, 3, 2]);
        // What was told is not told again, but for the events that are still ahead.
        assert_eq!(sections.map(|section| draft.edition.count(section)), [0, 3, 2]);
        assert!(editions.iter().all(|edition| edition.edition.sources.iter().all(|source| !source.is_failing)));
        assert!(fills().await.is_empty(), "it is filled once");
    }
}
