//! Under which names a piece of news or an event is known, so that it is never taken for a new one.
//!
//! Four things say who an item is: its **id** at the source, its **address**, its **title** and its **day**. None of
//! them is enough: ids are counted from 1 again, a letter stands each week at the same address, a title recurs, and a day
//! has many items. So *two of them together* are a name, and whatever shares a name with an item is that item:
//!
//! | agree            | what happened                          | why it is safe                                      |
//! |------------------|----------------------------------------|-----------------------------------------------------|
//! | id + address     | corrected title, republished           |                                                     |
//! | id + title       | moved to another address               |                                                     |
//! | id + day         | moved and renamed                      |                                                     |
//! | address + day    | given another id, and renamed          |                                                     |
//! | address + title  | given another id, and another day      | only for a title that says something                |
//! | title + day      | the same news from two feeds           | only for a title that says something                |
//!
//! A title says something ([`is_telling`]) from four words and twenty letters on: `Lettre hebdo` does not, so that next
//! week's, at the same address or none, is another item. Ids count within their source only; the other names are
//! independent of it. Where a source gives no day, address + title are a name whatever the title, since nothing else can
//! tell the item again; without an address either, the title within the source.
//!
//! A name that two entries of one document share under different titles tells nothing (an id that is always `0`, links
//! that all lead to the home page): [`of_news`] leaves it out for that document.
//!
//! Events have no address of their own in practice. They are known by their `UID` within their source, by a `UID` that
//! is made to be unique (RFC 7986) anywhere, and by title, beginning and place together.

use std::collections::HashMap;

use bot_core::contacts::words::folded;
use chrono::{DateTime, NaiveDate, Utc};
use digest_parsing::calendar::Event;
use digest_parsing::feed::Entry;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::definition::Key;

/// SHA-256 of the parts of a name, in a form that does not depend on how a source writes them.
pub type Name = [u8; 32];

/// Words and letters from which on a title is no mere heading.
const TELLING_WORDS: usize = 4;
const TELLING_LETTERS: usize = 20;
/// A `UID` that long is not counted from 1.
const UNIQUE_UID_LENGTH: usize = 16;

/// The names of each entry of one document, in its order.
pub fn of_news(source: &Key, entries: &[Entry]) -> Vec<Vec<Name>> {
    let titles: Vec<String> = entries.iter().map(|entry| folded(&entry.title)).collect();
    let mut title_of: HashMap<Name, Option<&str>> = HashMap::new();
    let named: Vec<Vec<Name>> = entries.iter().zip(&titles).map(|(entry, title)| names(source, entry, title)).collect();
    for (names, title) in named.iter().zip(&titles) {
        for name in names {
            // `None`: several titles share it.
            let shared = title_of.entry(*name).or_insert(Some(title));
            if *shared != Some(title.as_str()) {
                *shared = None;
            }
        }
    }
    let tells = |name: &Name| title_of.get(name).is_some_and(Option::is_some);
    let mut told: Vec<Vec<Name>> =
        named.iter().map(|names| names.iter().filter(|name| tells(name)).copied().collect()).collect();
    for ((names, entry), title) in told.iter_mut().zip(entries).zip(&titles) {
        if names.is_empty() {
            // All it has is shared; the whole of it is its own.
            let address = entry.url.as_deref().and_then(address).unwrap_or_default();
            names.push(name(
                "whole",
                &[source.as_str(), entry.id.as_deref().unwrap_or(""), &address, title, &day(entry)],
            ));
        }
    }
    told
}

fn names(source: &Key, entry: &Entry, title: &str) -> Vec<Name> {
    let id = entry.id.as_deref();
    let address = entry.url.as_deref().and_then(address);
    let address = address.as_deref();
    let day = day(entry);
    let is_telling = is_telling(title);
    let mut names = Vec::new();
    if let (Some(id), Some(address)) = (id, address) {
        names.push(name("id+address", &[source.as_str(), id, address]));
    }
    if let Some(id) = id {
        names.push(name("id+title", &[source.as_str(), id, title]));
    }
    if let (Some(id), false) = (id, day.is_empty()) {
        names.push(name("id+day", &[source.as_str(), id, &day]));
    }
    if let (Some(address), false) = (address, day.is_empty()) {
        names.push(name("address+day", &[address, &day]));
    }
    if let (Some(address), true) = (address, is_telling || day.is_empty()) {
        names.push(name("address+title", &[address, title]));
    }
    if is_telling && !day.is_empty() {
        names.push(name("title+day", &[title, &day]));
    }
    if names.is_empty() {
        names.push(name("title", &[source.as_str(), title, &day]));
    }
    names
}

/// The names of an event of `source`.
pub fn of_event(source: &Key, event: &Event) -> Vec<Name> {
    let begins = event.times.start().to_string();
    let title = folded(&event.title);
    let place = folded(event.place.as_deref().unwrap_or_default());
    let mut names = Vec::new();
    if let Some(uid) = &event.uid {
        names.push(name("uid", &[source.as_str(), uid]));
        if uid.contains('@') || uid.len() >= UNIQUE_UID_LENGTH {
            names.push(name("unique uid", &[uid]));
        }
    }
    // Two towns may hold a council at the same hour: without a place it is the source's own.
    let whose = if place.is_empty() { source.as_str() } else { "" };
    names.push(name("event", &[whose, &title, &begins, &place]));
    names
}

/// Whether a folded title says enough to know an item by, with its day or address.
fn is_telling(title: &str) -> bool {
    title.split(' ').count() >= TELLING_WORDS
        && title.chars().filter(|sign| sign.is_alphabetic()).count() >= TELLING_LETTERS
}

fn day(entry: &Entry) -> String {
    let day = |moment: DateTime<Utc>| -> NaiveDate { moment.date_naive() };
    entry.published_at.map(day).map(|day| day.to_string()).unwrap_or_default()
}

fn name(kind: &str, parts: &[&str]) -> Name {
    let mut hash = Sha256::new();
    for part in std::iter::once(&kind).chain(parts) {
        // With its length, so that no two lists of parts read the same.
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Parameters by which senders follow readers, and which change nothing of the page.
fn follows_readers(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["utm_", "at_", "mtm_", "pk_"].iter().any(|start| name.starts_with(start))
        || ["fbclid", "gclid", "dclid", "msclkid", "twclid", "igshid", "mc_cid", "mc_eid", "xtor", "_ga", "yclid"]
            .contains(&name.as_str())
}

/// An address as far as it names a page: without scheme, `www.`, fragment, trailing slash, the file of a directory's
/// index, and the parameters that follow readers; the others sorted. `None` for a home page, which names no item.
pub fn address(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?.to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = url.path();
    let path = ["/index.html", "/index.htm", "/index.php"]
        .iter()
        .find_map(|index| path.strip_suffix(index))
        .unwrap_or(path)
        .trim_end_matches('/');
    let mut parameters: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| !follows_readers(name))
        .map(|(n, v)| (n.into_owned(), v.into_owned()))
        .collect();
    parameters.sort();
    if path.is_empty() && parameters.is_empty() {
        return None;
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    Some(format!("{host}{port}{path}?{query}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(id: &str, url: &str, title: &str, day: &str) -> Entry {
        Entry {
            id: Some(id.to_owned()).filter(|id| !id.is_empty()),
            url: Some(url.to_owned()).filter(|url| !url.is_empty()),
            title: title.to_owned(),
            summary: String::new(),
            published_at: (!day.is_empty()).then(|| format!("{day}T09:00:00Z").parse().unwrap()),
            language: None,
        }
    }

    fn is_the_same(source: &str, one: &Entry, other_source: &str, other: &Entry) -> bool {
        let names =
            |source: &str, entry: &Entry| of_news(&source.parse().unwrap(), std::slice::from_ref(entry)).remove(0);
        let names_of_one = names(source, one);
        names(other_source, other).iter().any(|name| names_of_one.contains(name))
    }

    const TITLE: &str = "La ville adopte son budget participatif pour 2027";

    #[test]
    fn an_item_is_known_again_whatever_one_thing_of_it_changes() {
        let first = entry("12", "https://www.ville.example/a/?utm_source=rss", TITLE, "2026-11-16");
        for again in [
            entry("12", "https://www.ville.example/a/", TITLE, "2026-11-16"),
            // Republished, renamed, moved, given another id.
            entry("12", "https://ville.example/a", TITLE, "2026-11-20"),
            entry("12", "http://ville.example/a#top", "Budget : c’est voté", "2026-11-16"),
            entry("12", "https://ville.example/2026/11/a", TITLE, "2026-11-16"),
            entry("tag:12", "https://ville.example/a/?fbclid=x", TITLE, "2026-11-16"),
            entry("tag:12", "https://ville.example/a", "Budget : c’est voté", "2026-11-16"),
            entry("tag:12", "https://ville.example/a", TITLE, "2026-11-20"),
        ] {
            assert!(is_the_same("ville", &first, "ville", &again), "{again:?}");
        }
        let elsewhere = entry("99", "https://presse.example/budget", &TITLE.to_uppercase(), "2026-11-16");
        assert!(is_the_same("ville", &first, "presse", &elsewhere), "the same news from two feeds");
        let same_link = entry("99", "https://ville.example/a", "Vu ailleurs", "2026-11-16");
        assert!(is_the_same("ville", &first, "presse", &same_link));
    }

    #[test]
    fn what_only_looks_alike_is_another_item() {
        let letter = |id: &str, url: &str, day: &str| entry(id, url, "Lettre hebdo", day);
        for (one, other) in [
            // Each week the same title, and at the same address.
            (letter("1", "https://v.example/l/1", "2026-11-09"), letter("2", "https://v.example/l/2", "2026-11-16")),
            (
                letter("1", "https://v.example/lettre", "2026-11-09"),
                letter("2", "https://v.example/lettre", "2026-11-16"),
            ),
            (letter("", "", "2026-11-09"), letter("", "", "2026-11-16")),
            // Two sources count from 1.
            (entry("1", "", TITLE, "2026-11-09"), entry("1", "", "Tout autre chose, dit la préfète", "2026-11-10")),
            (letter("1", "https://v.example/l", ""), letter("2", "https://w.example/l", "")),
            // The home page is the address of everything.
            (
                entry("1", "https://v.example/", "Un", "2026-11-16"),
                entry("2", "https://v.example", "Deux", "2026-11-16"),
            ),
        ] {
            assert!(!is_the_same("ville", &one, "ville", &other), "{one:?} {other:?}");
        }
        let council = |source: &str| (source.to_owned(), entry("1", "", "Conseil municipal", "2026-11-16"));
        let (one, other) = (council("ville"), council("voisine"));
        assert!(!is_the_same(&one.0, &one.1, &other.0, &other.1));
    }

    #[test]
    fn a_name_that_a_document_gives_to_several_tells_nothing() {
        let entries = [
            entry("0", "https://v.example/actualites", "Un titre", "2026-11-16"),
            entry("0", "https://v.example/actualites", "Un autre titre", "2026-11-16"),
            entry("0", "https://v.example/actualites", "Un titre", "2026-11-16"),
        ];
        let names = of_news(&"ville".parse().unwrap(), &entries);
        let shares = |one: usize, other: usize| names[one].iter().any(|name| names[other].contains(name));
        assert!(!shares(0, 1));
        assert!(shares(0, 2), "the same twice is one");
        assert!(names.iter().all(|names| !names.is_empty()));
    }

    #[test]
    fn addresses_of_one_page_are_one() {
        let page = address("https://ville.example/a?x=1&y=2");
        for url in [
            "http://www.ville.example/a/?y=2&x=1#bas",
            "https://VILLE.example/a?utm_campaign=z&x=1&UTM_SOURCE=r&y=2&fbclid=1&xtor=RSS-1",
            "https://ville.example:443/a/index.php?x=1&y=2",
        ] {
            assert_eq!(address(url), page, "{url}");
        }
        assert_ne!(address("https://ville.example/a?x=1"), page);
        assert_ne!(address("https://ville.example/A?x=1&y=2"), page);
        assert_eq!(address("https://www.ville.example/?utm_source=a"), None);
        assert!(address("https://ville.example/?p=12").is_some());
    }

    proptest! {
        /// Whatever two of the four things stay, an item with a telling title, an id and an address is known again.
        #[test]
        fn two_of_four_are_enough(kept in proptest::sample::subsequence(vec![0, 1, 2, 3], 2), salt in "[a-z]{6}") {
            let old = ["id-1", "https://v.example/page", TITLE, "2026-11-16"];
            let changed =
                [format!("id-{salt}"), format!("https://v.example/{salt}"), format!("{TITLE} {salt} de plus"), "2026-12-24".to_owned()];
            let part = |place: usize| if kept.contains(&place) { old[place] } else { &changed[place] };
            let again = entry(part(0), part(1), part(2), part(3));
            prop_assert!(is_the_same("ville", &entry(old[0], old[1], old[2], old[3]), "ville", &again));
        }

        /// One alone never is, in another source than the first.
        #[test]
        fn one_of_four_is_not(kept in 0_usize..4, salt in "[a-z]{6}") {
            let old = ["id-1", "https://v.example/page", TITLE, "2026-11-16"];
            let changed =
                [format!("id-{salt}"), format!("https://v.example/{salt}"), format!("{TITLE} {salt} de plus"), "2026-12-24".to_owned()];
            let part = |place: usize| if kept == place { old[place] } else { &changed[place] };
            let other = entry(part(0), part(1), part(2), part(3));
            prop_assert!(!is_the_same("ville", &entry(old[0], old[1], old[2], old[3]), "ville", &other));
        }
    }
}
