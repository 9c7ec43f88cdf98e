//! What an organiser hands out: a file for a mail merge, and a page to print with one card a contact.

use std::io;

use chrono::{DateTime, Utc};
use crieur_spreadsheets::CsvWriter;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;

use super::operations::{Invited, list};
use super::{Code, InvitationError};
use crate::contacts::ContactSet;
use crate::core::Organisation;
use crate::i18n::{self, Argument};
use crate::locale::Locale;
use crate::people::linking::platform_name;
use crate::people::text;
use crate::store::accounts::AccountLink;

/// Side of a QR code on the page, in CSS pixels: 4 cm, which a telephone reads at arm's length.
const QR_SIDE: u32 = 152;

/// The valid invitation of a contact, ready to be handed out. Whoever holds it can say they are that person.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Entry {
    #[serde(flatten)]
    pub invited: Invited,
    pub code: String,
    /// To be written to the bot where a link carries nothing.
    pub command: String,
    pub links: Vec<EntryLink>,
    #[serde(skip)]
    until: DateTime<Utc>,
}

/// Where the invitation is followed on one account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EntryLink {
    pub account: String,
    pub platform: String,
    pub url: String,
    /// Else the command is to be written in the chat that the link opens.
    pub carries_code: bool,
}

impl Entry {
    /// What is handed to `invited`, when their invitation is valid: for one contact, or for many with the same `links`
    /// (see [`crate::store::accounts::private_links`]).
    pub fn of(organisation: &Organisation, links: &[AccountLink], invited: Invited) -> Option<Self> {
        let (generation, until) = invited.generation.zip(invited.expires_at).filter(|_| invited.state.is_valid())?;
        let code = Code::of(organisation, invited.number, invited.contact, generation);
        let links = links.iter().map(|link| EntryLink {
            account: link.account.clone(),
            platform: link.platform.clone(),
            url: link.link.with(&code.payload()),
            carries_code: link.link.carries_payload,
        });
        Some(Self { code: code.to_string(), command: code.command(), links: links.collect(), until, invited })
    }

    fn locale(&self, default: Locale) -> Locale {
        self.invited.locale.as_deref().and_then(|code| code.parse().ok()).unwrap_or(default)
    }
}

/// The valid invitations of those of `who` who have no address yet.
///
/// # Errors
/// When `who` names what is not there, or the database refuses.
pub async fn entries(
    connection: &mut PgConnection,
    organisation: &Organisation,
    links: &[AccountLink],
    now: DateTime<Utc>,
    who: &ContactSet,
) -> Result<Vec<Entry>, InvitationError> {
    let invited = list(connection, organisation.view.id, now, who, false).await?;
    Ok(invited.into_iter().filter_map(|invited| Entry::of(organisation, links, invited)).collect())
}

/// Writes one row a contact, for a mail merge: what is known of them, a column for each of the organiser's own fields
/// and for each account's link, what to type, and until when.
///
/// # Errors
/// Those of `out`.
pub fn mail_merge<W: io::Write>(
    out: W,
    organisation: &Organisation,
    links: &[AccountLink],
    entries: &[Entry],
) -> io::Result<W> {
    let mut keys: Vec<&str> = Vec::new();
    for entry in entries {
        let own = entry.invited.fields.as_object().into_iter().flat_map(|fields| fields.keys());
        keys.extend(own.map(String::as_str));
        keys.sort_unstable();
        keys.dedup();
    }
    let mut rows = CsvWriter::new(out);
    let known = ["external_id", "name", "collectivite"].map(str::to_owned);
    let links = links.iter().map(|link| format!("link {}", link.account));
    let given = ["code", "write", "expires"].map(str::to_owned);
    rows.row(known.into_iter().chain(keys.iter().map(|&key| key.to_owned())).chain(links).chain(given))?;
    for entry in entries {
        let invited = &entry.invited;
        let known = [&invited.external_id, &invited.name, &invited.collectivite];
        let known = known.into_iter().map(|cell| cell.clone().unwrap_or_default());
        let fields = keys.iter().map(|&key| invited.fields.get(key).map(words_of).unwrap_or_default());
        let links = entry.links.iter().map(|link| link.url.clone());
        let locale = entry.locale(organisation.view.default_locale);
        let until = i18n::date(locale, entry.until, organisation.view.time_zone);
        let given = [entry.code.clone(), entry.command.clone(), until];
        rows.row(known.chain(fields).chain(links).chain(given))?;
    }
    rows.finish()
}

fn words_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(words) => words.clone(),
        other => other.to_string(),
    }
}

/// A page to print, in one file with nothing fetched from elsewhere: A4, a card for each contact in their language,
/// with a QR code for each network, the same link as text, and what to type.
pub fn printed(organisation: &Organisation, entries: &[Entry]) -> String {
    let locale = organisation.view.default_locale;
    let title = text(locale, "print-title", &of_organisation(organisation));
    let cards: String = entries.iter().map(|entry| card(organisation, entry)).collect();
    format!(
        "<!doctype html>\n<html lang=\"{locale}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<h1>{title}</h1>\n<main>\n{cards}</main>\n</body>\n</html>\n",
        title = escape(&title),
    )
}

const STYLE: &str = "
@page { size: A4; margin: 15mm }
body { font: 12pt/1.4 sans-serif; color: #000; background: #fff; max-width: 180mm; margin: 0 auto }
h1 { font-size: 16pt }
article { border: 1px solid #000; padding: 6mm; margin: 0 0 8mm; break-inside: avoid }
h2 { font-size: 14pt; margin: 0 0 3mm }
p { margin: 0 0 3mm }
figure { display: flex; gap: 6mm; align-items: center; margin: 0 0 3mm }
figcaption { overflow-wrap: anywhere }
svg { flex: none; width: 40mm; height: 40mm }
code { font: bold 13pt monospace; overflow-wrap: anywhere }
a { color: #000 }
";

fn of_organisation(organisation: &Organisation) -> [(&'static str, Argument<'static>); 1] {
    [("organisation", Argument::from(organisation.view.title.clone()))]
}

fn card(organisation: &Organisation, entry: &Entry) -> String {
    let locale = entry.locale(organisation.view.default_locale);
    let invited = &entry.invited;
    let who = [invited.name.as_deref(), invited.collectivite.as_deref()];
    let mut who = who.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if who.is_empty() {
        who = invited.external_id.clone().unwrap_or_default();
    }
    let words = |id: &str, arguments: &[(&str, Argument<'_>)]| escape(&text(locale, id, arguments));
    let until = i18n::date(locale, entry.until, organisation.view.time_zone);
    let figures: String = entry.links.iter().map(|link| figure(locale, link)).collect();
    format!(
        "<article lang=\"{locale}\">\n<h2>{who}</h2>\n<p>{invites}</p>\n{figures}<p>{write} <code>{command}</code></p>\n\
         <p>{personal}</p>\n</article>\n",
        who = escape(&who),
        invites = words("print-invites", &of_organisation(organisation)),
        write = words(if entry.links.is_empty() { "print-write" } else { "print-write-else" }, &[]),
        command = escape(&entry.command),
        personal = words("print-personal", &[("until", Argument::from(until))]),
    )
}

fn figure(locale: Locale, link: &EntryLink) -> String {
    let network = [("network", Argument::from(platform_name(&link.platform)))];
    let words = |id: &str| escape(&text(locale, id, &network));
    let url = escape(&link.url);
    let then = if link.carries_code { String::new() } else { format!("<br>{}", words("print-then")) };
    format!(
        "<figure>{picture}<figcaption>{open}<br><a href=\"{url}\">{url}</a>{then}</figcaption></figure>\n",
        picture = qr(&link.url, &words("print-qr")),
        open = words("print-open"),
    )
}

/// The picture, whose label is text already made safe. Nothing for what is longer than a QR code holds: the link stands
/// beside it.
fn qr(content: &str, label: &str) -> String {
    let Ok(code) = QrCode::with_error_correction_level(content, EcLevel::M) else { return String::new() };
    let picture = code.render::<svg::Color<'_>>().min_dimensions(QR_SIDE, QR_SIDE).build();
    // Inside a page the picture needs no prologue, and a name.
    let drawing = picture.split_once("<svg").map_or("", |(_, drawing)| drawing);
    format!("<svg role=\"img\" aria-label=\"{label}\"{drawing}")
}

/// Plain words as HTML text or attribute.
fn escape(words: &str) -> String {
    let mut escaped = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
