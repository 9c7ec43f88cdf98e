//! The public page of a pulse, `/pulses/{slug}`, and its figures as files.

use std::fmt::Write;

use bot_core::plugin::HandlerError;

use super::results::{self, PulseResults, cell, name_of};
use super::store::{self, Pulse, PulseState};
use crate::page::{Visit, escape};
use crate::words::moment;

/// A pulse that may be shown, with what is known of it.
async fn read(visit: &Visit<'_>, slug: &str) -> Result<Option<(Pulse, PulseResults)>, HandlerError> {
    let mut sql = visit.pool.acquire().await?;
    let organisation = visit.organisation.id;
    let found = store::find_by_slug(&mut sql, organisation, slug).await?;
    let Some(pulse) = found.filter(|found| found.state != PulseState::Draft) else { return Ok(None) };
    let results = results::read(&mut sql, organisation, &pulse).await?;
    Ok(Some((pulse, results)))
}

/// The page; `None` when there is no pulse by this name, or it is still a draft.
///
/// # Errors
/// When the database cannot be read.
pub async fn pulse_page(visit: &Visit<'_>, slug: &str) -> Result<Option<String>, HandlerError> {
    let Some((pulse, results)) = read(visit, slug).await? else { return Ok(None) };
    let locale = visit.locale;
    let zone = pulse.definition.time_zone.unwrap_or(visit.organisation.time_zone);
    let (id, instant) = match pulse.closed_at {
        Some(closed_at) => ("pulse-closed-on", Some(closed_at)),
        None => ("pulse-open-until", pulse.closes_at),
    };
    let closing = instant.map(|instant| moment(locale, instant, zone)).unwrap_or_default();
    let mut body = format!("<p class=\"lead\">{}</p>\n", visit.say("pulse-label", &[]));
    let _ = writeln!(body, "<p>{}</p>", visit.say(id, &[("closing", closing.into())]));
    if pulse.state == PulseState::Closed {
        for platform in &results.platforms {
            let name = escape(&name_of(&platform.platform));
            let _ = write!(
                body,
                "<h2>{name}</h2>\n<div class=\"scroll\"><table><caption>{name}</caption><thead><tr>\
                 <th scope=\"col\">{}</th>",
                visit.say("pulse-option", &[])
            );
            for room in &platform.rooms {
                let number = visit.say("pulse-room", &[("number", room.room.to_string().into())]);
                let _ = write!(body, "<th scope=\"col\">{number}</th>");
            }
            body.push_str("</tr></thead><tbody>");
            for (option, words) in results.options.iter().enumerate() {
                let _ = write!(body, "<tr><th scope=\"row\">{}</th>", escape(words.in_locale(locale)));
                for room in &platform.rooms {
                    let _ = write!(body, "<td>{}</td>", escape(&cell(locale, room.votes.as_deref(), option)));
                }
                body.push_str("</tr>");
            }
            body.push_str("</tbody></table></div>\n");
        }
        body.push_str("<ul>\n");
        for note in results.notes(locale) {
            let _ = writeln!(body, "<li>{}</li>", escape(&note));
        }
        let (csv, json) = (visit.say("pulse-csv", &[]), visit.say("pulse-json", &[]));
        let _ = write!(
            body,
            "</ul>\n<p><a href=\"/pulses/{slug}/counts.csv\">{csv}</a> · <a href=\"/pulses/{slug}/counts.json\">{json}</a></p>\n"
        );
    } else {
        body.push_str("<ol>\n");
        for option in &results.options {
            let _ = writeln!(body, "<li>{}</li>", escape(option.in_locale(locale)));
        }
        body.push_str("</ol>\n");
    }
    let title = pulse.definition.question.in_locale(locale);
    Ok(Some(visit.page(title, &format!("/pulses/{slug}"), &body)))
}

/// The counts of a closed pulse as CSV; `None` when there is none.
///
/// # Errors
/// When the database cannot be read.
pub async fn counts_csv(visit: &Visit<'_>, slug: &str) -> Result<Option<String>, HandlerError> {
    let closed = read(visit, slug).await?.filter(|(pulse, _)| pulse.state == PulseState::Closed);
    Ok(closed.map(|(_, results)| results.csv(visit.locale)))
}

/// The counts of a closed pulse as JSON; `None` when there is none.
///
/// # Errors
/// When the database cannot be read.
pub async fn counts_json(visit: &Visit<'_>, slug: &str) -> Result<Option<PulseResults>, HandlerError> {
    let closed = read(visit, slug).await?.filter(|(pulse, _)| pulse.state == PulseState::Closed);
    Ok(closed.map(|(_, results)| results))
}
