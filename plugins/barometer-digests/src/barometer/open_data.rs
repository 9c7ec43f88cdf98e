//! The rows behind a figure, for everybody: as CSV, and as a page with an anchor for each row. A version never changes,
//! so neither do these.

use std::fmt::Write as _;

use bot_core::plugin::HandlerError;
use bot_core::{Locale, OrganisationId};
use sqlx::PgConnection;

use super::store::{self, Row, Version};
use crate::definition::Key;
use crate::edition::model::Unit;
use crate::words::{count, moment, text};

/// The path of a version's page, below the public address.
pub fn path(dataset: &Key, version: u32) -> String {
    format!("/digests/data/{dataset}/{version}")
}

/// A version as CSV: UTF-8, RFC 4180, numbers with a decimal point. `None` where there is no such version.
///
/// # Errors
/// Those of the database.
pub async fn csv(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    dataset: &str,
    version: u32,
) -> Result<Option<String>, HandlerError> {
    let Some((_, rows)) = read(sql, organisation, dataset, version).await? else { return Ok(None) };
    let mut lines = String::from("row,indicator,edition,stratum,value,unit,base\r\n");
    for Row { indicator, point } in &rows {
        let base = point.base.map(|base| base.to_string()).unwrap_or_default();
        let (row, value, unit) = (point.row.to_string(), point.value.to_string(), point.unit.as_str());
        let [indicator, edition, stratum] = [indicator, &point.edition, &point.stratum].map(|text| guarded(text));
        let cells = [&row, &indicator, &edition, &stratum, &value, unit, &base];
        for (index, cell) in cells.into_iter().enumerate() {
            if index > 0 {
                lines.push(',');
            }
            if cell.contains([',', '"', '\n', '\r']) {
                // Writing to a String cannot fail.
                let _ = write!(lines, "\"{}\"", cell.replace('"', "\"\""));
            } else {
                lines.push_str(cell);
            }
        }
        lines.push_str("\r\n");
    }
    Ok(Some(lines))
}

/// A text that a spreadsheet would take for a formula gets a `'` in front, as in every CSV file of crieur (OWASP, "CSV
/// Injection"). Reading the file back takes it away.
fn guarded(text: &str) -> String {
    if text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// A version as a page: its origin, what to know about it, and its rows in a table, each with the id `row-<number>`.
/// `None` where there is no such version.
///
/// # Errors
/// Those of the database.
pub async fn page(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    dataset: &str,
    version: u32,
    locale: Locale,
    organisation_title: &str,
) -> Result<Option<String>, HandlerError> {
    let Some((version, rows)) = read(sql, organisation, dataset, version).await? else { return Ok(None) };
    let say = |id: &str, arguments: &[(&str, crate::words::Argument<'_>)]| escape(&text(locale, id, arguments));
    let number = version.version.to_string();
    let title = say("data-title", &[("dataset", version.dataset.as_str().into()), ("version", number.as_str().into())]);
    let imported = moment(locale, version.imported_at, chrono_tz::UTC);
    let origin = say(
        "data-origin",
        &[
            ("origin", version.origin.as_str().into()),
            ("moment", imported.as_str().into()),
            ("rows", count(version.rows.into())),
        ],
    );
    let path = path(&version.dataset, version.version);
    let other = if locale == Locale::Fr { Locale::En } else { Locale::Fr };
    let mut body = format!("<p>{origin}</p>\n<p><a href=\"{path}.csv\">{}</a></p>\n", say("data-csv", &[]));
    if !version.remarks.is_empty() {
        let _ = write!(body, "<h2>{}</h2>\n<ul>\n", say("data-remarks", &[]));
        for remark in &version.remarks {
            let _ = writeln!(body, "<li>{}</li>", escape(&remark.words(locale)));
        }
        body.push_str("</ul>\n");
    }
    let _ = write!(
        body,
        "<div class=\"scroll\" role=\"region\" aria-labelledby=\"rows\" tabindex=\"0\">\n<table class=\"data\">\n\
         <caption id=\"rows\">{}</caption>\n<thead><tr>",
        say("data-caption", &[])
    );
    for column in ["row", "indicator", "edition", "stratum", "value", "base"] {
        let _ = write!(body, "<th scope=\"col\">{}</th>", say(&format!("data-column-{column}"), &[]));
    }
    body.push_str("</tr></thead>\n<tbody>\n");
    let (everybody, unknown) = (say("data-everybody", &[]), say("data-base-unknown", &[]));
    for Row { indicator, point } in &rows {
        let row = point.row;
        let stratum = if point.stratum.is_empty() { everybody.clone() } else { escape(&point.stratum) };
        let base = point.base.map_or_else(|| unknown.clone(), |base| grouped(locale, &base.to_string()));
        let value = value_words(locale, &point.value.to_string(), point.unit);
        let _ = writeln!(
            body,
            "<tr id=\"row-{row}\"><th scope=\"row\"><a href=\"#row-{row}\">{row}</a></th><td>{}</td><td>{}</td>\
             <td>{stratum}</td><td>{value}</td><td>{base}</td></tr>",
            escape(indicator),
            escape(&point.edition),
        );
    }
    body.push_str("</tbody>\n</table>\n</div>\n");
    let (skip, switch) = (say("data-skip", &[]), say("data-other-language", &[]));
    let organisation_title = escape(organisation_title);
    Ok(Some(format!(
        r##"<!DOCTYPE html>
<html lang="{locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – {organisation_title}</title>
<link rel="stylesheet" href="/consultations/style.css">
<link rel="stylesheet" href="/digests/style.css">
</head>
<body>
<header>
<a class="skip" href="#content">{skip}</a>
<p>{organisation_title} · <a href="{path}?lang={other}" hreflang="{other}" lang="{other}">{switch}</a></p>
</header>
<main id="content">
<h1>{title}</h1>
{body}</main>
</body>
</html>
"##
    )))
}

async fn read(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    dataset: &str,
    version: u32,
) -> Result<Option<(Version, Vec<Row>)>, HandlerError> {
    let Ok(dataset) = dataset.parse::<Key>() else { return Ok(None) };
    let versions = store::versions(&mut *sql, organisation, Some(&dataset)).await?;
    let Some(found) = versions.into_iter().find(|one| one.version == version) else { return Ok(None) };
    let rows = store::rows(sql, organisation, &dataset, version).await?;
    Ok(Some((found, rows)))
}

/// A value as a reader of `locale` writes it, with its unit.
fn value_words(locale: Locale, value: &str, unit: Unit) -> String {
    let number = grouped(locale, value);
    match (unit, locale) {
        (Unit::Percent, Locale::Fr) => format!("{number}\u{202f}%"),
        (Unit::Percent, Locale::En) => format!("{number}%"),
        (Unit::Count, _) => number,
        (Unit::Euro, Locale::Fr) => format!("{number}\u{a0}€"),
        (Unit::Euro, Locale::En) => format!("€{number}"),
    }
}

/// Digits in groups of three, with the decimal mark of the language.
fn grouped(locale: Locale, value: &str) -> String {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    let (minus, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("−", digits));
    let (between, mark) = match locale {
        Locale::Fr => ('\u{202f}', ','),
        Locale::En => (',', '.'),
    };
    let mut number = minus.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            number.push(between);
        }
        number.push(digit);
    }
    if !decimals.is_empty() {
        number.push(mark);
        number.push_str(decimals);
    }
    number
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_their_reader_writes_them() {
        assert_eq!(value_words(Locale::Fr, "1234.5", Unit::Euro), "1\u{202f}234,5\u{a0}€");
        assert_eq!(value_words(Locale::En, "-1234567.5", Unit::Euro), "€−1,234,567.5");
        assert_eq!(value_words(Locale::Fr, "80.1", Unit::Percent), "80,1\u{202f}%");
        assert_eq!(value_words(Locale::En, "157", Unit::Count), "157");
    }

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(guarded("=1+1"), "'=1+1");
        assert_eq!(guarded("'-x"), "''-x");
        assert_eq!(guarded("80"), "80");
    }
}
