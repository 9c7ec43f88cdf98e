//! The content lines of a calendar (RFC 5545, section 3.1), component by component, whatever stands between them.

use icalendar::parser::Property;

use crate::{encoding, words};

/// Longer lines hold pictures, or nothing that is read to its end.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What is used of events and zones; the rest is passed over unread.
const NAMES: [&str; 16] = [
    "UID",
    "SUMMARY",
    "DESCRIPTION",
    "LOCATION",
    "URL",
    "DTSTART",
    "DTEND",
    "DURATION",
    "RRULE",
    "RDATE",
    "EXDATE",
    "RECURRENCE-ID",
    "STATUS",
    "TZID",
    "TZOFFSETTO",
    "X-LIC-LOCATION",
];

/// One line that is used.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub name: String,
    /// With the escapes of texts undone.
    pub value: String,
    pub zone: Option<String>,
}

/// An event or the description of a zone.
#[derive(Default, Debug)]
pub(super) struct Component {
    pub contents: Vec<Content>,
    /// The lines of its `STANDARD` and `DAYLIGHT` parts; those of alarms are nobody's business.
    pub standard: Vec<Content>,
    pub daylight: Vec<Content>,
}

impl Component {
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Content> + 'a {
        self.contents.iter().filter(move |content| content.name == name)
    }

    pub fn first(&self, name: &str) -> Option<&Content> {
        self.contents.iter().find(|content| content.name == name)
    }
}

#[derive(Default, Debug)]
pub(super) struct Lines {
    pub events: Vec<Component>,
    pub zones: Vec<Component>,
    /// It ended in the middle of an event, which is left out.
    pub is_cut_off: bool,
}

/// `None`: nothing in it begins a calendar.
pub(super) fn read(bytes: &[u8], content_type: Option<&str>) -> Option<Lines> {
    // Lines may be folded in the middle of a character, so they are unfolded first; not those of UTF-16.
    let text = if bytes.contains(&0) {
        let text = encoding::decode(bytes, content_type);
        String::from_utf8(unfolded(text.as_bytes())).unwrap_or_default()
    } else {
        encoding::decode(&unfolded(bytes), content_type)
    };
    let mut lines = Lines::default();
    let mut is_calendar = false;
    let mut open: Option<Open> = None;
    for line in text.split(['\n', '\r']).map(str::trim_end) {
        let end = line.find([':', ';']).unwrap_or(line.len());
        let name = line[..end].trim_start().to_ascii_uppercase();
        let component = || line[end..].trim_start_matches([':', ';']).trim().to_ascii_uppercase();
        match (name.as_str(), &mut open) {
            ("BEGIN", Some(open)) if component() != "VEVENT" => open.inner.push(component()),
            // An event within an event: the first one was never ended.
            ("BEGIN", _) => {
                lines.is_cut_off |= open.is_some();
                is_calendar |= component() == "VCALENDAR";
                let is_event = component() == "VEVENT";
                if is_calendar && (is_event || component() == "VTIMEZONE") {
                    open = Some(Open { is_event, component: Component::default(), inner: Vec::new() });
                }
            }
            ("END", Some(within)) if !within.inner.is_empty() => drop(within.inner.pop()),
            ("END", _) => {
                if let Some(ended) = open.take() {
                    let list = if ended.is_event { &mut lines.events } else { &mut lines.zones };
                    list.push(ended.component);
                }
            }
            (name, Some(within)) if NAMES.contains(&name) => {
                let into = match within.inner.last().map(String::as_str) {
                    None => &mut within.component.contents,
                    Some("STANDARD") => &mut within.component.standard,
                    Some("DAYLIGHT") => &mut within.component.daylight,
                    Some(_) => continue,
                };
                into.extend(content(name, line));
            }
            _ => {}
        }
    }
    lines.is_cut_off |= open.is_some_and(|open| open.is_event);
    is_calendar.then_some(lines)
}

struct Open {
    is_event: bool,
    component: Component,
    /// Names of the components begun within it and not ended yet.
    inner: Vec<String>,
}

fn content(name: &str, line: &str) -> Option<Content> {
    let property = Property::try_from(words::beginning(line.trim_start(), LINE_BYTES_MAX)).ok()?;
    let zone = property.params.iter().find(|parameter| parameter.key.as_str().eq_ignore_ascii_case("TZID"));
    let zone = zone.and_then(|parameter| parameter.val.as_ref()).map(|zone| zone.as_str().to_owned());
    Some(Content { name: name.to_owned(), value: property.val.as_str().trim().to_owned(), zone })
}

/// Joins lines that were folded: what begins with a space or tab belongs to the line before.
fn unfolded(bytes: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(bytes.len());
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line {
            [b' ' | b'\t', rest @ ..] => joined.extend_from_slice(rest),
            line => {
                joined.push(b'\n');
                joined.extend_from_slice(line);
            }
        }
    }
    // The first line begins the text.
    joined.drain(..1.min(joined.len()));
    joined
}
