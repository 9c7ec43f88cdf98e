//! Feeds and calendars as they are in the world, and as they should not be.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use digest_parsing::calendar::{self, When};
use digest_parsing::feed;
use insta::assert_snapshot;

/// Generous for a busy machine, and far below what a bomb takes.
const LONGEST: Duration = Duration::from_secs(20);

fn corpus(kind: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(kind);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(file).unwrap())).collect()
}

fn feed_of(name: &str) -> String {
    let (_, bytes) = corpus("feeds").into_iter().find(|(file, _)| file == name).unwrap();
    match feed::read(&bytes, None, "https://ville.example/flux/rss.xml") {
        Err(error) => format!("{error}\n"),
        Ok(feed) => {
            let mut text = String::new();
            for entry in &feed.entries {
                let date = entry.published_at.map_or("-".to_owned(), |at| at.to_rfc3339());
                let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
                writeln!(text, "{} | {date} | {}", entry.title, or(&entry.language)).unwrap();
                writeln!(text, "  {} | {}", or(&entry.id), or(&entry.url)).unwrap();
                if !entry.summary.is_empty() {
                    writeln!(text, "  {}", entry.summary).unwrap();
                }
            }
            if feed.wordless + feed.too_many > 0 {
                writeln!(text, "{} without a word, {} too many", feed.wordless, feed.too_many).unwrap();
            }
            text
        }
    }
}

fn calendar_of(name: &str) -> String {
    let (_, bytes) = corpus("calendars").into_iter().find(|(file, _)| file == name).unwrap();
    let paris = chrono_tz::Europe::Paris;
    match calendar::read(&bytes, None, "https://ville.example/agenda.ics", paris) {
        Err(error) => format!("{error}\n"),
        Ok(calendar) => {
            let moment = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
            let (from, until) = (moment("2026-10-20T00:00:00Z"), moment("2027-01-15T00:00:00Z"));
            let mut text = String::new();
            for event in &calendar.events {
                writeln!(text, "{} | {}", event.title, event.summary).unwrap();
                let occurrences = event.occurrences(from, until, paris);
                for occurrence in occurrences.iter().take(4) {
                    let local = |at: DateTime<Utc>| at.with_timezone(&paris).format("%Y-%m-%d %H:%M %z").to_string();
                    let when = match occurrence.when {
                        When::Days { from, to } => format!("{from} – {to}"),
                        When::Moments { from, until, time_zone } => {
                            format!("{} – {} ({time_zone})", local(from), until.map_or("?".to_owned(), local))
                        }
                    };
                    let off = if occurrence.cancelled { " CANCELLED" } else { "" };
                    let place = occurrence.place.as_deref().unwrap_or("-");
                    writeln!(text, "  {when} | {place} | {}{off}", occurrence.title).unwrap();
                }
                if occurrences.len() > 4 {
                    writeln!(text, "  and {} more", occurrences.len() - 4).unwrap();
                }
            }
            for remark in &calendar.remarks {
                writeln!(text, "! {remark:?}").unwrap();
            }
            text
        }
    }
}

#[test]
fn every_file_of_the_corpus_is_read_or_refused_in_time() {
    let (mut read, mut refused) = (0, 0);
    let mut count = |is_read: bool| if is_read { read += 1 } else { refused += 1 };
    for (name, bytes) in corpus("feeds").into_iter().chain(corpus("calendars")) {
        let started = Instant::now();
        for content_type in [None, Some("text/html; charset=utf-16"), Some("text/xml;charset=iso-8859-1")] {
            let feed = feed::read(&bytes, content_type, "https://ville.example/");
            if let Ok(feed) = &feed {
                assert!(feed.entries.len() <= feed::ENTRIES_MAX, "{name}");
                for entry in &feed.entries {
                    assert!((1..=feed::TITLE_CHARS_MAX).contains(&entry.title.chars().count()), "{name}");
                    assert!(entry.summary.chars().count() <= feed::SUMMARY_CHARS_MAX, "{name}");
                    assert!(entry.url.iter().all(|url| url.starts_with("http")), "{name}");
                }
            }
            let calendar = calendar::read(&bytes, content_type, "https://ville.example/", chrono_tz::Europe::Paris);
            if let Ok(calendar) = &calendar {
                for event in &calendar.events {
                    let all = event.occurrences(DateTime::UNIX_EPOCH, DateTime::<Utc>::MAX_UTC, chrono_tz::UTC);
                    assert!(all.len() <= calendar::OCCURRENCES_MAX, "{name}");
                }
            }
            count(feed.is_ok() || calendar.is_ok());
        }
        assert!(started.elapsed() < LONGEST, "{name} took {:?}", started.elapsed());
    }
    assert!(read >= 60 && refused >= 30, "{read} read, {refused} refused");
}

/// A quarter of a megabyte of what could be slow to read: what grows with the square of it would take minutes.
#[test]
fn time_grows_with_the_size_alone() {
    let fill = |start: &str, unit: &str, end: &str| {
        format!("{start}{}{end}", unit.repeat(256 * 1024 / unit.len())).into_bytes()
    };
    let item = "<item><title>T</title><description><![CDATA[<b><i><p><div>]]></description></item>";
    for (name, bytes) in [
        ("items", fill("<rss version='2.0'><channel>", item, "</channel></rss>")),
        ("tags", fill("<rss version='2.0'><channel>", "<a>", "")),
        ("ampersands", fill("<rss version='2.0'><channel><title>", "&", "</title></channel></rss>")),
        ("references", fill("<rss version='2.0'><channel><title>", "&#60;", "</title></channel></rss>")),
        (
            "one field",
            fill("<rss version='2.0'><channel><item><title><![CDATA[", "<p>x", "]]></title></item></channel></rss>"),
        ),
        ("page", fill("<html>", "<link rel=alternate ", "")),
        ("brackets", fill("{\"version\":", "[", "")),
        (
            "lines",
            fill("BEGIN:VCALENDAR\n", "BEGIN:VEVENT\nSUMMARY:x\nDTSTART:20261205\nEND:VEVENT\n", "END:VCALENDAR"),
        ),
        ("folds", fill("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\n", " y\n", "")),
        ("dates", fill("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\nEXDATE:20261205", ",20261205", "\nEND:VEVENT")),
        ("components", fill("BEGIN:VCALENDAR\n", "BEGIN:VEVENT\n", "")),
    ] {
        let started = Instant::now();
        let _ = feed::read(&bytes, None, "https://ville.example/");
        let _ = calendar::read(&bytes, None, "https://ville.example/", chrono_tz::Europe::Paris);
        assert!(started.elapsed() < LONGEST, "{name} took {:?}", started.elapsed());
    }
}

#[test]
fn feeds_become_plain_words() {
    assert_snapshot!(feed_of("wordpress-windows-1252.rss"), @r#"
    L’été des associations : « c’est parti » | 2026-06-15T06:30:00+00:00 | fr-fr
      https://ville.example/?p=4211 | https://ville.example/2026/06/ete/?utm_source=rss&utm_medium=feed
      Cent cinquante rendez-vous, 3 €. L’article L’été est apparu en premier sur Ville.
    "#);
    assert_snapshot!(feed_of("atom-xhtml.atom"), @r#"
    Un budget participatif & ouvert | 2026-11-16T09:30:00.250+00:00 | fr
      tag:obs.example,2026:1 | https://obs.example/blog/2026/budget
      Premier alinéa. Second.
    Sans adresse | 2026-11-17T00:00:00+00:00 | fr
      tag:obs.example,2026:2 | -
      Court.
    "#);
    assert_snapshot!(feed_of("rss-1.0.rdf"), @r#"
    La préfète signe | 2026-11-12T08:00:00+00:00 | -
      - | https://journal.example/1
      Le texte & rien d’autre
    "#);
    assert_snapshot!(feed_of("rss-0.91.xml"), @r#"
    Réunion de quartier | - | fr
      - | http://vieux.example/reunion.html
      Salle des fêtes
    "#);
    assert_snapshot!(feed_of("json-feed-1.1.json"), @r#"
    Un jeu de données de plus | 2026-11-13T07:00:00+00:00 | fr-fr
      2026-11 | https://data.example/jeux/2026-11
      À télécharger !
    Sans titre, mais pas sans texte: 1 < 2 | - | fr-fr
      2026-10 | -
      Sans titre, mais pas sans texte: 1 < 2
    "#);
    assert_snapshot!(feed_of("dates.rss"), @r#"
    En français | 2026-11-16T10:30:00+00:00 | -
      1 | -
    Abrégé | 2026-11-17T09:30:00+00:00 | -
      2 | -
    Dans le futur | 2138-01-01T00:00:00+00:00 | -
      3 | -
    Aucune | - | -
      4 | -
    Illisible | - | -
      5 | -
    An zéro | 1970-01-01T00:00:00+00:00 | -
      6 | -
    "#);
    assert_snapshot!(feed_of("hostile-links.rss"), @r#"
    JavaScript | - | -
      - | -
    Données | - | -
      - | -
    Fichier | - | -
      - | -
    Avec mot de passe | - | -
      - | -
    Relatif | - | -
      - | https://ville.example/actualites/7
    Sans schéma | - | -
      - | https://autre.example/7
    "#);
    assert_snapshot!(feed_of("bidi-and-controls.rss"), @r#"
    Vote gnp.exe invisible ici | - | -
      - | https://b.example/1
      Cloche et nul
    "#);
    assert_snapshot!(feed_of("bare-ampersands.rss"), @r#"
    Questions & réponses : R&D été | - | -
      - | https://a.example/?a=1&b=2
    "#);
    assert_snapshot!(feed_of("utf-16.rss"), @r#"
    Événement à l’hôtel de ville | - | -
      - | https://u.example/1
    "#);
    assert_snapshot!(feed_of("guids-changed.rss"), @r#"
    Un | - | -
      0 | https://g.example/1
    Deux | - | -
      0 | https://g.example/2
    Trois | - | -
      https://g.example/3?rev=7 | https://g.example/3?rev=7
    "#);
    assert_snapshot!(feed_of("leading-blank.rss"), @r#"
    Après deux lignes vides | - | -
      - | -
    "#);
}

#[test]
fn hostile_and_broken_feeds_are_refused_or_harmless() {
    assert_snapshot!(feed_of("entity-bomb.rss"), @r#"
    Bombe &lol9; | - | -
      - | https://b.example/1
    "#);
    assert_snapshot!(feed_of("external-entity.rss"), @r#"
    Fichier &x; | - | -
      - | -
    "#);
    assert_snapshot!(feed_of("truncated.rss"), @r#"
    the feed is broken: unable to parse XML: Parser error: syntax error: tag not closed: `>` not found before end of input
    "#);
    assert_snapshot!(feed_of("web-page.html"), @r#"
    this is a web page, not a feed: write https://ville.example/actualites/feed/
    "#);
    assert_snapshot!(feed_of("web-page-without-feed.html"), @r#"
    this is a web page, not a feed
    "#);
    assert_snapshot!(feed_of("deep.rss"), @r#"
    the feed nests or repeats its markup more than any real one
    "#);
    assert_snapshot!(feed_of("many-attributes.rss"), @r#"
    the feed nests or repeats its markup more than any real one
    "#);
    assert_snapshot!(feed_of("wordless.rss"), @r#"
    2 without a word, 0 too many
    "#);
    assert_snapshot!(feed_of("empty.rss"), @r#"
    the answer is empty
    "#);
    assert_snapshot!(feed_of("garbage.bin"), @r#"
    this is neither RSS nor Atom nor JSON Feed
    "#);
    assert_snapshot!(feed_of("json-not-feed.json"), @r#"
    the feed is broken: unable to parse JSON: missing field `version` at line 1 column 21
    "#);
}

#[test]
fn calendars_become_days_and_hours() {
    assert_snapshot!(calendar_of("outlook-zones.ics"), @r#"
    Commission « écologie » | Ordre du jour : 1. L’eau; 2. L’air
      2026-12-03 14:00 +0100 – 2026-12-03 16:00 +0100 (Europe/Paris) | Salle 2, étage 1 | Commission « écologie »
    Zone à rallonge | 
      2026-12-04 09:00 +0100 – 2026-12-04 10:30 +0100 (Europe/Paris) | - | Zone à rallonge
    Zone inconnue | 
      2026-12-04 09:00 +0100 – ? (Europe/Paris) | - | Zone inconnue
    ! UnknownZone { zone: "Heure de Mars" }
    "#);
    assert_snapshot!(calendar_of("google-recurrences.ics"), @r#"
    Conseil municipal | 
      2026-10-29 18:30 +0100 – 2026-10-29 20:30 +0100 (Europe/Paris) | - | Conseil municipal
      2026-11-27 17:00 +0100 – 2026-11-27 22:00 +0100 (Europe/Paris) | Grande salle | Conseil municipal (budget)
    Marché | 
      2026-10-24 – 2026-10-24 | - | Marché
      2026-10-31 – 2026-10-31 | - | Marché
      2026-11-07 – 2026-11-07 | - | Marché
      2026-11-14 – 2026-11-14 | - | Marché
      and 4 more
    Atelier annulé | 
      2026-12-02 09:00 +0100 – ? (Europe/Paris) | - | Atelier annulé CANCELLED
    "#);
    assert_snapshot!(calendar_of("folded.ics"), @r#"
    Une réunion dont le titre est si long qu’il est plié au milieu d’un mot | 
      2026-12-01 18:30 +0100 – ? (Europe/Paris) | - | Une réunion dont le titre est si long qu’il est plié au milieu d’un mot
    "#);
    assert_snapshot!(calendar_of("clock-changes.ics"), @r#"
    Nuit du changement d’heure | 
      2026-10-25 02:30 +0200 – 2026-10-25 03:30 +0100 (Europe/Paris) | - | Nuit du changement d’heure
    Chaque jour à 9 h | 
      2026-10-23 09:00 +0200 – ? (Europe/Paris) | - | Chaque jour à 9 h
      2026-10-24 09:00 +0200 – ? (Europe/Paris) | - | Chaque jour à 9 h
      2026-10-25 09:00 +0100 – ? (Europe/Paris) | - | Chaque jour à 9 h
      2026-10-26 09:00 +0100 – ? (Europe/Paris) | - | Chaque jour à 9 h
    "#);
    assert_snapshot!(calendar_of("windows-1252.ics"), @r#"
    Fête de l’été | 
      2026-12-05 – 2026-12-07 | - | Fête de l’été
    "#);
    assert_snapshot!(calendar_of("utf-16.ics"), @r#"
    Réunion | 
      2026-12-05 11:00 +0100 – ? (Europe/Paris) | - | Réunion
    "#);
}

#[test]
fn hostile_and_broken_calendars_are_told() {
    assert_snapshot!(calendar_of("no-end-no-start-no-title.ics"), @r#"
    Sans fin | 
      2026-12-01 18:30 +0100 – ? (Europe/Paris) | - | Sans fin
    Fin avant le début | 
      2026-12-01 19:30 +0100 – ? (Europe/Paris) | - | Fin avant le début
    Sans nom | 
      2026-12-01 – 2026-12-01 | - | Sans nom
    ! NoStart { title: "Sans début" }
    ! NoTitle { start: "20261201T183000Z" }
    ! NoStart { title: "An 9999" }
    "#);
    assert_snapshot!(calendar_of("hostile-rules.ics"), @r#"
    Chaque seconde | 
      2026-12-01 01:00 +0100 – ? (Europe/Paris) | - | Chaque seconde
    Toutes les secondes de l’an | 
      2026-12-01 01:00 +0100 – ? (Europe/Paris) | - | Toutes les secondes de l’an
    Jamais | 
    Chaque jour depuis 1970 | 
      2026-10-21 01:00 +0200 – ? (Europe/Paris) | - | Chaque jour depuis 1970
      2026-10-22 01:00 +0200 – ? (Europe/Paris) | - | Chaque jour depuis 1970
      2026-10-23 01:00 +0200 – ? (Europe/Paris) | - | Chaque jour depuis 1970
      2026-10-24 01:00 +0200 – ? (Europe/Paris) | - | Chaque jour depuis 1970
      and 82 more
    ! UnknownRule { title: "Chaque seconde", rule: "FREQ=SECONDLY" }
    ! UnknownRule { title: "Toutes les secondes de l’an", rule: "FREQ=YEARLY;BYHOUR=0,1,2;BYMINUTE=0,1,2;BYSECOND=0,1,2" }
    ! UnknownRule { title: "Jamais", rule: "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=4294967295" }
    "#);
    assert_snapshot!(calendar_of("cut-off.ics"), @r#"
    Entier | 
      2026-12-05 11:00 +0100 – ? (Europe/Paris) | - | Entier
    ! CutOff
    "#);
    assert_snapshot!(calendar_of("garbage-lines.ics"), @r#"
    Au milieu du bruit | 
      2026-12-05 11:00 +0100 – ? (Europe/Paris) | - | Au milieu du bruit
    ! UnknownRule { title: "Au milieu du bruit", rule: "" }
    "#);
    assert_snapshot!(calendar_of("nested.ics"), @r#"
    Après | 
      2026-12-05 11:00 +0100 – ? (Europe/Paris) | - | Après
    ! NoStart { title: "" }
    "#);
    assert_snapshot!(calendar_of("web-page.html"), @r#"
    this is a web page, not a calendar: write the address of its .ics file
    "#);
    assert_snapshot!(calendar_of("empty.ics"), @r#"
    the answer is empty
    "#);
    assert_snapshot!(calendar_of("bidi.ics"), @r#"
    Vote lausrever | Un
      2026-12-05 11:00 +0100 – ? (Europe/Paris) | <b>Mairie</b> | Vote lausrever
    "#);
}
