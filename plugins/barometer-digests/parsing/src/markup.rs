//! XML of strangers, looked at before it is read; and web pages that stand where a feed was expected.

use quick_xml::Reader;
use quick_xml::events::Event;
use quick_xml::events::attributes::Attributes;
use url::Url;

use crate::words;

/// Elements within elements. Feeds have a dozen; text as XHTML a few dozen more.
const DEPTH_MAX: usize = 256;
/// Attributes of one element, which readers compare with each other.
const ATTRIBUTES_MAX: usize = 128;
/// Namespaces declared around one element, which readers search for every name.
const NAMESPACES_MAX: usize = 256;

/// How much of a page is searched for what it is and for its feeds.
const PAGE_BYTES_MAX: usize = 256 * 1024;
const LINK_BYTES_MAX: usize = 4096;

/// More of something than any feed has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Excess {
    Depth,
    Attributes,
    Namespaces,
}

/// Walks through `xml` in linear time, up to its end or its first fault, which the reader after it finds as well.
/// Entities are neither declared nor expanded: quick-xml hands them over as names.
pub(crate) fn measured(xml: &str) -> Result<(), Excess> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().trim_markup_names_in_closing_tags = true;
    let mut namespaces_by_depth: Vec<usize> = Vec::new();
    let mut namespaces = 0;
    loop {
        let event = reader.read_event();
        match &event {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                let mut declared = 0;
                for (number, attribute) in element.attributes().with_checks(false).enumerate() {
                    if number >= ATTRIBUTES_MAX {
                        return Err(Excess::Attributes);
                    }
                    declared +=
                        usize::from(attribute.is_ok_and(|attribute| attribute.key.as_ref().starts_with("xmlns")));
                }
                if namespaces + declared > NAMESPACES_MAX {
                    return Err(Excess::Namespaces);
                }
                if namespaces_by_depth.len() >= DEPTH_MAX {
                    return Err(Excess::Depth);
                }
                if matches!(event, Ok(Event::Start(_))) {
                    namespaces += declared;
                    namespaces_by_depth.push(declared);
                }
            }
            Ok(Event::End(_)) => namespaces -= namespaces_by_depth.pop().unwrap_or(0),
            Ok(Event::Eof) | Err(_) => return Ok(()),
            Ok(_) => {}
        }
    }
}

/// `xml` with every `&` that begins no reference written as `&amp;`, as its author meant it. Not within CDATA, where
/// it stands for itself.
pub(crate) fn with_escaped_ampersands(xml: &str) -> String {
    let mut escaped = String::with_capacity(xml.len());
    let mut rest = xml;
    while let Some(at) = rest.find(['&', '<']) {
        escaped.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with("<![CDATA[") {
            let end = rest.find("]]>").map_or(rest.len(), |end| end + 3);
            escaped.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        if rest.starts_with('&') && !begins_reference(rest) {
            escaped.push_str("&amp;");
        } else {
            escaped.push_str(&rest[..1]);
        }
        rest = &rest[1..];
    }
    escaped.push_str(rest);
    escaped
}

fn begins_reference(text: &str) -> bool {
    let body = &text.as_bytes()[1..];
    let name = body.iter().take(34).position(|byte| *byte == b';').map(|end| &body[..end]);
    match name {
        Some([b'#', b'x', digits @ ..]) => is_character(digits, 16),
        Some([b'#', digits @ ..]) => is_character(digits, 10),
        Some([first, others @ ..]) => first.is_ascii_alphabetic() && others.iter().all(u8::is_ascii_alphanumeric),
        Some([]) | None => false,
    }
}

fn is_character(digits: &[u8], radix: u32) -> bool {
    let number = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'));
    let number = number.and_then(|digits| u32::from_str_radix(digits, radix).ok());
    number.is_some_and(|number| number > 0 && char::from_u32(number).is_some())
}

/// Whether this is a web page.
pub(crate) fn is_page(text: &str) -> bool {
    let beginning = words::beginning(text, PAGE_BYTES_MAX).to_ascii_lowercase();
    let first_tag = ["<!doctype html", "<html", "<head", "<body"].iter().filter_map(|tag| beginning.find(tag)).min();
    let first_feed = ["<rss", "<feed", "<rdf:rdf", "<![cdata["].iter().filter_map(|tag| beginning.find(tag)).min();
    first_tag.is_some_and(|page| first_feed.is_none_or(|feed| page < feed))
}

/// The first feed that a web page links to (`<link rel="alternate" type="application/rss+xml" href="…">`).
pub(crate) fn feed_of_page(page: &str, address: Option<&Url>) -> Option<String> {
    let page = words::beginning(page, PAGE_BYTES_MAX);
    // ASCII alone changes, so places are the same in both.
    let lower = page.to_ascii_lowercase();
    lower.match_indices("<link").find_map(|(at, _)| {
        let tag = words::beginning(&page[at..], LINK_BYTES_MAX);
        let tag = &tag["<link".len()..tag.find('>')?];
        let (mut is_alternate, mut is_feed, mut target) = (false, false, None);
        for attribute in Attributes::html(tag.trim_end_matches('/'), 0).with_checks(false).take(32) {
            let Ok(attribute) = attribute else { break };
            let name = attribute.key.as_ref().to_ascii_lowercase();
            let value = words::of_html(&attribute.value, 2000);
            match name.as_str() {
                "rel" => is_alternate = value.split(' ').any(|rel| rel.eq_ignore_ascii_case("alternate")),
                "type" => {
                    is_feed = ["application/rss+xml", "application/atom+xml", "application/feed+json"]
                        .iter()
                        .any(|kind| value.eq_ignore_ascii_case(kind));
                }
                "href" => target = web_address(&value, address),
                _ => {}
            }
        }
        target.filter(|_| is_alternate && is_feed)
    })
}

/// `text` as the address of a web page, resolved against `base`. `None`: it is none, or names no host.
pub(crate) fn web_address(text: &str, base: Option<&Url>) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > 4000 {
        return None;
    }
    let url = match (Url::parse(text), base) {
        (Ok(url), _) => url,
        (Err(url::ParseError::RelativeUrlWithoutBase), Some(base)) => base.join(text).ok()?,
        (Err(_), _) => return None,
    };
    let fits = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.as_str().len() <= crate::feed::URL_CHARS_MAX;
    fits.then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_any_feed_has_is_refused() {
        assert_eq!(measured(&"<a>".repeat(100_000)), Err(Excess::Depth));
        let attributes: String = (0..1000).map(|number| format!(" a{number}='1'")).collect();
        assert_eq!(measured(&format!("<a{attributes}/>")), Err(Excess::Attributes));
        let spaces: String = (0..100).map(|number| format!(" xmlns:a{number}='x'")).collect();
        assert_eq!(measured(&format!("<a{spaces}>").repeat(9)), Err(Excess::Namespaces));
        // One after the other they are forgotten.
        assert_eq!(measured(&format!("<r>{}</r>", format!("<a{spaces}></a><a{spaces}/>").repeat(9))), Ok(()));
        assert_eq!(measured("<a><b></a>"), Ok(()));
    }

    #[test]
    fn a_lone_ampersand_is_meant_as_itself() {
        let text = "Q&A & R&amp;D &#233;&#xe9; &eacute; &#0; <![CDATA[a & b]]> & &;&#x110000;";
        let wanted =
            "Q&amp;A &amp; R&amp;D &#233;&#xe9; &eacute; &amp;#0; <![CDATA[a & b]]> &amp; &amp;;&amp;#x110000;";
        assert_eq!(with_escaped_ampersands(text), wanted);
        assert_eq!(with_escaped_ampersands("<![CDATA[a & b"), "<![CDATA[a & b");
    }

    #[test]
    fn a_page_tells_its_feed() {
        let base = Url::parse("https://ville.example/actualites/").unwrap();
        let page = "<!DOCTYPE html><HTML><link rel=stylesheet href=a.css><LINK REL='alternate' \
                    type=\"application/rss+xml\" href='/feed?a=1&amp;b=2'>";
        assert!(is_page(page));
        assert_eq!(feed_of_page(page, Some(&base)).unwrap(), "https://ville.example/feed?a=1&b=2");
        assert!(!is_page("<rss><channel><description>&lt;html></description>"));
        assert_eq!(feed_of_page("<html><link rel=alternate type=application/rss+xml href=javascript:x>", None), None);
    }

    #[test]
    fn only_addresses_of_the_web_are_kept() {
        let base = Url::parse("https://ville.example/a/feed").unwrap();
        for (text, kept) in [
            ("b", Some("https://ville.example/a/b")),
            ("//autre.example/b", Some("https://autre.example/b")),
            ("HTTP://Ville.Example/b", Some("http://ville.example/b")),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("https://moi:secret@ville.example/", None),
            ("http://", None),
            ("", None),
        ] {
            assert_eq!(web_address(text, Some(&base)).as_deref(), kept, "{text}");
        }
    }
}
