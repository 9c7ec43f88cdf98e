use std::collections::BTreeSet;

use bot_core::Locale;
use bot_core::plugin::FetchFailure;
use chrono::TimeDelta;

use super::bench::{Town, agenda, answer, definition, feed, moment};
use super::problem::{Notice, Problem};
use crate::edition::model::{Content, Entry, When};

const URL: &str = "https://ville.example/feed";
/// The weeks around the first harvest.
const BEFORE: (&str, &str) = ("2026-11-09T07:00:00Z", "2026-11-16T07:00:00Z");
const AFTER: (&str, &str) = ("2026-11-16T07:00:00Z", "2026-11-23T07:00:00Z");

fn rss(items: &[(&str, &str, &str, &str)]) -> String {
    let item = |(id, link, title, date): &(&str, &str, &str, &str)| {
        let date = if date.is_empty() { String::new() } else { format!("<pubDate>{date}</pubDate>") };
        format!("<item><guid>{id}</guid><link>{link}</link><title>{title}</title>{date}</item>")
    };
    let items: String = items.iter().map(item).collect();
    format!("<rss version='2.0'><channel><title>Ville</title>{items}</channel></rss>")
}

fn calendar(events: &[&str]) -> String {
    let events: String = events.iter().map(|event| format!("BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n")).collect();
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n")
}

fn titles(entries: &[Entry]) -> Vec<&str> {
    entries
        .iter()
        .map(|entry| match &entry.content {
            Content::News(news) => news.title.as_str(),
            Content::Event(event) => event.title.as_str(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn news_are_told_once_in_the_week_in_which_they_came() {
    let mut town = Town::new(1, vec![feed("ville", URL)]).await;
    assert_eq!(town.next, Some(moment("2026-11-16T07:00:00Z")), "a new source is asked at once");
    let old = ("1", "https://ville.example/1", "Un projet ancien de la ville", "Mon, 01 Jun 2026 08:00:00 +0200");
    let fresh =
        ("2", "https://ville.example/2", "Le budget participatif est ouvert", "Thu, 12 Nov 2026 08:00:00 +0100");
    let undated = ("3", "https://ville.example/3", "Sans date", "");
    town.hears(answer(200, &[], &rss(&[old, fresh, undated]))).await;
    // Of a feed that is read for the first time: what was published in that week.
    assert_eq!(titles(&town.candidates(BEFORE.0, BEFORE.1).await), ["Le budget participatif est ouvert"]);

    // Republished, moved, with another id, retitled; one that is new, and one of the archive.
    let again = [
        ("1", "https://ville.example/1", "Un projet ancien de la ville", "Mon, 16 Nov 2026 08:00:00 +0100"),
        (
            "2",
            "https://www.ville.example/projets/2",
            "Le budget participatif est ouvert",
            "Mon, 16 Nov 2026 09:00:00 +0100",
        ),
        ("url-3", "https://ville.example/3?utm_source=rss", "Sans date", ""),
        ("4", "https://ville.example/4", "De l’eau à la fontaine", "Sat, 14 Nov 2026 08:00:00 +0100"),
        ("5", "https://ville.example/5", "Archives de 2019", "Fri, 01 Mar 2019 08:00:00 +0100"),
        ("6", "https://ville.example/6", "Daté de l’an prochain", "Wed, 06 Oct 2027 08:00:00 +0200"),
    ];
    town.hears(answer(200, &[], &rss(&again))).await;
    town.hears(answer(200, &[], &rss(&again))).await;
    let told = town.candidates(AFTER.0, AFTER.1).await;
    assert_eq!(titles(&told), ["De l’eau à la fontaine", "Daté de l’an prochain"]);
    assert_eq!(told[0].topics, ["ecologie".parse().unwrap(), "presse".parse().unwrap()]);
    let Content::News(news) = &told[0].content else { panic!() };
    assert_eq!((news.published_on.to_string(), news.source_name.as_str()), ("2026-11-14".into(), "La source ville"));
    let Content::News(news) = &told[1].content else { panic!() };
    assert_eq!(news.published_on.to_string(), "2026-11-16", "a date that cannot be is the day it was seen");
    // Its words are those of its latest form, wherever it was told.
    assert_eq!(titles(&town.candidates(BEFORE.0, BEFORE.1).await), ["Le budget participatif est ouvert"]);
}

#[tokio::test]
async fn what_two_feeds_tell_is_told_once_and_a_recurring_title_each_time() {
    let mut town = Town::new(2, vec![feed("ville", URL), feed("presse", "https://presse.example/feed")]).await;
    town.fire().await;
    let date = "Mon, 16 Nov 2026 07:30:00 +0100";
    let title = "La ville adopte son budget participatif";
    town.answer(Ok(answer(200, &[], &rss(&[("a", "https://presse.example/a", title, date)])))).await;
    town.answer(Ok(answer(200, &[], &rss(&[("1", "https://ville.example/1", &title.to_uppercase(), date)])))).await;
    let week = ("2026-11-16T00:00:00Z", "2026-11-17T00:00:00Z");
    assert_eq!(titles(&town.candidates(week.0, week.1).await), [title]);
    for (id, day) in [("2", "16"), ("3", "17"), ("4", "18")] {
        let date = format!("{day} Nov 2026 08:00:00 +0100");
        town.fire().await;
        let letters = rss(&[(id, "https://ville.example/lettre", "Lettre hebdo", &date)]);
        while !town.asked.is_empty() {
            let body = if town.asked[0].subject == "ville" { letters.clone() } else { rss(&[]) };
            town.answer(Ok(answer(200, &[], &body))).await;
        }
        town.bench.clock.advance(TimeDelta::days(1));
    }
    let letters = town.candidates(AFTER.0, AFTER.1).await;
    assert_eq!(titles(&letters).iter().filter(|title| **title == "Lettre hebdo").count(), 3);
}

#[tokio::test]
async fn a_failing_source_tells_why_backs_off_and_keeps_what_it_gave() {
    let mut town = Town::new(3, vec![feed("ville", URL)]).await;
    let item = ("1", "https://ville.example/1", "Une nouvelle", "Mon, 16 Nov 2026 07:00:00 +0100");
    let validators = [("etag", "\"v1\""), ("last-modified", "Mon, 16 Nov 2026 06:00:00 GMT")];
    town.hears(answer(200, &validators, &rss(&[item]))).await;
    let week = ("2026-11-16T00:00:00Z", "2026-11-17T00:00:00Z");
    let before = town.candidates(week.0, week.1).await;
    assert_eq!(before.len(), 1);

    let asked = town.fire().await;
    let header = |name: &str| asked[0].headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    assert_eq!(header("If-None-Match").as_deref(), Some("\"v1\""));
    assert_eq!(header("If-Modified-Since").as_deref(), Some("Mon, 16 Nov 2026 06:00:00 GMT"));
    assert_eq!((asked[0].bytes_max, header("Accept").unwrap().contains("rss+xml")), (4 * 1024 * 1024, true));
    town.answer(Ok(answer(304, &[], ""))).await;
    let state = town.state().await;
    assert_eq!((state.failures, state.problem, state.succeeded_at), (0, None, Some(town.bench.clock.now())));

    let mut pauses = Vec::new();
    for failure in 1..=7 {
        town.fire().await;
        town.answer(Err(FetchFailure::UnknownHost { host: "ville.example".to_owned() })).await;
        let state = town.state().await;
        assert_eq!(state.failures, failure);
        assert!(state.problem.unwrap().words(Locale::Fr).contains("n’existe pas"));
        pauses.push((town.next.unwrap() - town.bench.clock.now()).num_hours());
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 24, 24]);
    assert_eq!(town.candidates(week.0, week.1).await, before);

    // Its validators are kept: it is well again and unchanged.
    assert!(town.fire().await[0].headers.iter().any(|(name, _)| name == "If-None-Match"));
    town.answer(Ok(answer(304, &[], ""))).await;
    assert_eq!(town.state().await.problem, None);

    for (status, headers, problem, hours) in [
        (404, vec![], Problem::Status { status: 404 }, 1),
        (410, vec![], Problem::Gone, 24),
        (429, vec![("retry-after", "21600")], Problem::Busy { status: 429 }, 6),
        (503, vec![("retry-after", "1")], Problem::Busy { status: 503 }, 1),
        (503, vec![("retry-after", "99999999")], Problem::Busy { status: 503 }, 24),
    ] {
        town.hears(answer(status, &headers, "")).await;
        let pause = (town.next.unwrap() - town.bench.clock.now()).num_hours();
        assert_eq!((town.state().await.problem, pause), (Some(problem), hours));
    }
    let page =
        "<!DOCTYPE html><html><head><link rel='alternate' type='application/rss+xml' href='/rss.xml'></head></html>";
    town.hears(answer(200, &[("content-type", "text/html")], page)).await;
    let words = town.state().await.problem.unwrap().words(Locale::En);
    assert!(words.contains("https://ville.example/rss.xml"), "{words}");
    assert_eq!(town.candidates(week.0, week.1).await, before);
}

#[tokio::test]
async fn a_file_that_asks_for_something_else_begins_anew() {
    let mut town = Town::new(4, vec![feed("ville", URL), feed("presse", "https://presse.example/feed")]).await;
    assert_eq!(town.fire().await.len(), 2);
    // The file changes while both are under way.
    town.write(definition(vec![feed("ville", "https://ville.example/nouveau")])).await;
    let item = ("1", "https://ville.example/1", "Une nouvelle", "Mon, 16 Nov 2026 07:00:00 +0100");
    while !town.asked.is_empty() {
        town.answer(Ok(answer(200, &[("etag", "\"old\"")], &rss(&[item])))).await;
    }
    let week = ("2026-11-16T00:00:00Z", "2026-11-17T00:00:00Z");
    assert!(town.candidates(week.0, week.1).await.is_empty(), "answers to what is no longer asked are dropped");
    let asked = town.fire().await;
    assert_eq!(asked.iter().map(|request| request.url.as_str()).collect::<Vec<_>>(), ["https://ville.example/nouveau"]);
    assert!(!asked[0].headers.iter().any(|(name, _)| name == "If-None-Match"));
    // Nothing to compare with: such an answer is no success.
    town.answer(Ok(answer(304, &[], ""))).await;
    assert_eq!(town.state().await.problem, Some(Problem::Status { status: 304 }));
    town.write(definition(Vec::new())).await;
    assert_eq!(town.next, None);
}

const COUNCIL: &str = "UID:conseil@ville.example\r\nSUMMARY:Conseil municipal\r\nLOCATION:Mairie\r\n\
                       DTSTART;TZID=Europe/Paris:20261126T183000\r\nDTEND;TZID=Europe/Paris:20261126T203000\r\n\
                       RRULE:FREQ=WEEKLY;COUNT=3";

#[tokio::test]
async fn events_are_told_as_long_as_they_are_ahead_and_once_when_called_off() {
    let mut town = Town::new(5, vec![agenda("agenda", "https://ville.example/agenda.ics")]).await;
    let fair = "UID:foire@ville.example\r\nSUMMARY:Foire\r\nDTSTART;VALUE=DATE:20261205\r\nDTEND;VALUE=DATE:20261207";
    let past = "UID:passe@ville.example\r\nSUMMARY:Vœux\r\nDTSTART;VALUE=DATE:20260105";
    let bad = "UID:sans@ville.example\r\nSUMMARY:Sans date";
    town.hears(answer(200, &[], &calendar(&[COUNCIL, fair, past, bad]))).await;
    let week = |from: &str, until: &str| (format!("2026-{from}T07:00:00Z"), format!("2026-{until}T07:00:00Z"));
    let (from, until) = week("11-09", "11-17");
    let told = town.candidates(&from, &until).await;
    let keys: Vec<&str> = told.iter().map(|entry| entry.key.0.as_str()).collect();
    assert_eq!(keys, ["event:1:2026-11-26", "event:1:2026-12-03", "event:2:2026-12-05", "event:1:2026-12-10"]);
    let Content::Event(event) = &told[2].content else { panic!() };
    let day = |text: &str| text.parse().unwrap();
    assert_eq!(event.when, When::Days { from: day("2026-12-05"), to: day("2026-12-06") });
    let Content::Event(event) = &told[0].content else { panic!() };
    let When::Moments { from: begins, until: ends, .. } = event.when else { panic!() };
    assert_eq!((begins, ends), (moment("2026-11-26T17:30:00Z"), Some(moment("2026-11-26T19:30:00Z"))));
    assert_eq!(event.place.as_deref(), Some("Mairie"));
    let notices = town.state().await.notices;
    assert!(matches!(&notices[..], [Notice::Calendar { remark }] if format!("{remark:?}").contains("Sans date")));

    // In the week after, the second date is left out and the fair called off; the third is moved.
    town.bench.clock.advance(TimeDelta::days(8));
    let council = format!("{COUNCIL}\r\nEXDATE;TZID=Europe/Paris:20261203T183000");
    let moved = "UID:conseil@ville.example\r\nRECURRENCE-ID;TZID=Europe/Paris:20261210T183000\r\n\
                 SUMMARY:Conseil (déplacé)\r\nDTSTART;TZID=Europe/Paris:20261211T190000";
    let fair_off = format!("{fair}\r\nSTATUS:CANCELLED");
    town.hears(answer(200, &[], &calendar(&[&council, moved, &fair_off]))).await;
    let (from, until) = week("11-17", "11-25");
    let told = town.candidates(&from, &until).await;
    let shown = |told: &[Entry]| -> Vec<(String, String, bool)> {
        let event = |entry: &Entry| match &entry.content {
            Content::Event(event) => (entry.key.0.clone(), event.title.clone(), event.cancelled),
            other => panic!("{other:?}"),
        };
        told.iter().map(event).collect()
    };
    let line = |key: &str, title: &str, cancelled| (key.to_owned(), title.to_owned(), cancelled);
    assert_eq!(
        shown(&told),
        [
            line("event:1:2026-11-26", "Conseil municipal", false),
            line("event:1:2026-12-03", "Conseil municipal", true),
            line("event:2:2026-12-05", "Foire", true),
            line("event:1:2026-12-10", "Conseil (déplacé)", false),
        ]
    );
    // An edition of a week in which it was not yet called off by then reads the same, the next no longer tells it.
    let (from, until) = week("11-25", "11-26");
    let keys: BTreeSet<String> =
        shown(&town.candidates(&from, &until).await).into_iter().map(|(key, ..)| key).collect();
    assert_eq!(keys, ["event:1:2026-11-26", "event:1:2026-12-10"].map(str::to_owned).into());

    // What the calendar no longer holds is passed over; what cannot be read changes nothing.
    town.hears(answer(200, &[], "pas un agenda")).await;
    assert_eq!(town.candidates(&from, &until).await.len(), 2);
    town.hears(answer(200, &[], &calendar(&[]))).await;
    assert_eq!(town.candidates(&from, &until).await, []);
}

#[tokio::test]
async fn the_foot_names_every_source_with_what_was_taken() {
    let mut town = Town::new(6, vec![feed("ville", URL), agenda("agenda", "https://v.example/{secret:cle}.ics")]).await;
    town.fire().await;
    town.answer(Err(FetchFailure::NoHttps)).await;
    let window = crate::edition::Window { from: moment(AFTER.0), until: moment(AFTER.1) };
    let definition = town.definition.clone();
    let call = async |cx: &mut bot_core::plugin::Context| {
        let organisation = cx.organisation.id;
        super::state::records(cx.sql(), organisation, &definition, &window).await
    };
    let (records, _) = town.bench.call(None, Locale::Fr, call).await.unwrap();
    let shown: Vec<_> = records
        .iter()
        .map(|record| (record.key.as_str(), record.url.as_deref(), record.query.as_str(), record.is_failing))
        .collect();
    assert_eq!(
        shown,
        [
            ("ville", Some(URL), "2026-11-16T07:00:00Z/2026-11-23T07:00:00Z", false),
            ("agenda", None, "2026-11-23T07:00:00Z/2026-12-28T07:00:00Z", true),
        ]
    );
}
