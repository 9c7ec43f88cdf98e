//! Whatever comes as a feed is read or refused, within bounds.

#![no_main]

use digest_parsing::feed::{self, SUMMARY_CHARS_MAX, TITLE_CHARS_MAX, URL_CHARS_MAX};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(feed) = feed::read(bytes, None, "https://ville.example/flux/rss.xml") else { return };
    assert!(feed.entries.len() <= feed::ENTRIES_MAX);
    for entry in &feed.entries {
        assert!((1..=TITLE_CHARS_MAX).contains(&entry.title.chars().count()));
        assert!(entry.summary.chars().count() <= SUMMARY_CHARS_MAX);
        if let Some(url) = &entry.url {
            assert!(url.starts_with("http://") || url.starts_with("https://"));
            assert!(url.len() <= URL_CHARS_MAX);
        }
        assert!(!entry.title.chars().chain(entry.summary.chars()).any(char::is_control));
    }
});
