//! `/horaires`: when a person may be written to unasked, and where their clock hangs.

use chrono_tz::Tz;

use super::{VERB_HOURS, action, refuse_in_group, text};
use crate::calendar::sending::{RecipientRule, Territory, WeeklyHours};
use crate::calendar::words::time_zone_words;
use crate::dispatcher::DispatchError;
use crate::i18n::Argument;
use crate::message::Document;
use crate::plugin::{Caller, Context};

/// What a button of the command asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HoursChange {
    Hours(Hours),
    /// Show the zones.
    AskTimeZone,
    TimeZone(Tz),
}

/// The hours one may choose from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hours {
    AnyTime,
    Daytime,
    Office,
}

impl Hours {
    const ALL: [Self; 3] = [Self::AnyTime, Self::Daytime, Self::Office];

    fn label(self) -> &'static str {
        match self {
            Self::AnyTime => "my-hours-any-time",
            Self::Daytime => "my-hours-daytime",
            Self::Office => "my-hours-office",
        }
    }

    /// When the person does not want to be written to; `None` when they do not mind.
    fn quiet(self) -> Option<WeeklyHours> {
        let quiet = match self {
            Self::AnyTime => return None,
            Self::Daytime => "00:00-08:00, 20:00-24:00",
            Self::Office => "mon-fri 00:00-09:00, 18:00-24:00; sat-sun 00:00-24:00",
        };
        Some(quiet.parse().unwrap_or_else(|error| unreachable!("a test reads these hours: {error}")))
    }
}

/// The zones to choose from: those of France, from Paris round the world. Their place is part of a button.
fn time_zones() -> impl Iterator<Item = Tz> {
    let territories = Territory::ALL.into_iter().filter(|territory| *territory != Territory::AlsaceMoselle);
    territories.map(Territory::time_zone).chain([Tz::Pacific__Marquesas, Tz::Pacific__Gambier])
}

const HOURS: u8 = 0;
const ASK_TIME_ZONE: u8 = 1;
const TIME_ZONE: u8 = 2;

/// Reads the bytes after the verb.
pub(super) fn read(bytes: &[u8]) -> Option<HoursChange> {
    match *bytes {
        [HOURS, index] => Hours::ALL.get(usize::from(index)).copied().map(HoursChange::Hours),
        [ASK_TIME_ZONE] => Some(HoursChange::AskTimeZone),
        [TIME_ZONE, index] => time_zones().nth(usize::from(index)).map(HoursChange::TimeZone),
        _ => None,
    }
}

pub(super) async fn hours(context: &mut Context, change: Option<HoursChange>) -> Result<(), DispatchError> {
    let Some(caller) = context.caller.clone() else { return Ok(()) };
    if refuse_in_group(context) {
        return Ok(());
    }
    match change {
        None => {
            let recipient = recipient(context, &caller).await?;
            show(context, &recipient);
        }
        Some(HoursChange::AskTimeZone) => {
            let recipient = recipient(context, &caller).await?;
            ask_time_zone(context, &recipient);
        }
        Some(HoursChange::Hours(hours)) => {
            let quiet = hours.quiet().map(serde_json::to_value).transpose()?;
            sqlx::query!(
                "UPDATE core.contact SET quiet_hours = $3 WHERE organisation_id = $1 AND id = $2",
                context.organisation.id.0,
                caller.contact.0,
                quiet,
            )
            .execute(&mut *context.transaction)
            .await?;
            settled(context, &caller).await?;
        }
        Some(HoursChange::TimeZone(time_zone)) => {
            sqlx::query!(
                "UPDATE core.contact SET time_zone = $3 WHERE organisation_id = $1 AND id = $2",
                context.organisation.id.0,
                caller.contact.0,
                time_zone.name(),
            )
            .execute(&mut *context.transaction)
            .await?;
            settled(context, &caller).await?;
        }
    }
    Ok(())
}

/// The person's hours and zone as they stand.
async fn recipient(context: &mut Context, caller: &Caller) -> Result<RecipientRule, DispatchError> {
    let row = sqlx::query!(
        r#"
        SELECT contact.time_zone, contact.quiet_hours, collectivite.departement AS "departement?"
        FROM core.contact LEFT JOIN core.collectivite ON collectivite.organisation_id = contact.organisation_id
                                                     AND collectivite.id = contact.collectivite_id
        WHERE contact.organisation_id = $1 AND contact.id = $2
        "#,
        context.organisation.id.0,
        caller.contact.0,
    )
    .fetch_one(&mut *context.transaction)
    .await?;
    let quiet_hours = row.quiet_hours.map(serde_json::from_value).transpose()?.unwrap_or_default();
    let time_zone = row.time_zone.and_then(|name| name.parse().ok());
    Ok(RecipientRule::of_person(time_zone, row.departement.as_deref(), quiet_hours, context.organisation.time_zone))
}

fn show(context: &mut Context, recipient: &RecipientRule) {
    let locale = context.locale;
    let mut document = Document::says(text(locale, "my-hours-now", &described(context, recipient)));
    if let Some(hours) = &context.organisation.sending_rule.hours {
        let title = Argument::from(context.organisation.title.clone());
        let arguments = [("organisation", title), ("hours", Argument::from(hours.words(locale)))];
        document = document.paragraph(text(locale, "my-hours-organisation", &arguments));
    }
    document = document.paragraph(text(locale, "my-hours-ask", &[]));
    for (index, hours) in (0u8..).zip(Hours::ALL) {
        let (label, press) = (text(locale, hours.label(), &[]), action(&[VERB_HOURS, HOURS, index]));
        let is_chosen = hours.quiet().unwrap_or_default() == recipient.quiet_hours;
        document = if is_chosen { document.chosen(label, press) } else { document.choice(label, press) };
    }
    let label = text(locale, "my-hours-zone", &[]);
    context.reply_as("hours", document.choice(label, action(&[VERB_HOURS, ASK_TIME_ZONE])));
}

fn ask_time_zone(context: &mut Context, recipient: &RecipientRule) {
    let locale = context.locale;
    let mut document = Document::says(text(locale, "my-hours-zone-ask", &[]));
    for (index, time_zone) in (0u8..).zip(time_zones()) {
        let (label, press) = (time_zone_words(locale, time_zone), action(&[VERB_HOURS, TIME_ZONE, index]));
        let is_chosen = time_zone == recipient.time_zone;
        document = if is_chosen { document.chosen(label, press) } else { document.choice(label, press) };
    }
    context.reply_as("hours", document);
}

/// Says how it stands now, and asks the rules anew about what waits for the person's former hours.
async fn settled(context: &mut Context, caller: &Caller) -> Result<(), DispatchError> {
    sqlx::query!(
        r#"
        UPDATE core.delivery SET due_at = $3
        WHERE organisation_id = $1 AND contact_id = $2 AND state = 'queued' AND postponed_until > $3 AND due_at > $3
        "#,
        context.organisation.id.0,
        caller.contact.0,
        context.now,
    )
    .execute(&mut *context.transaction)
    .await?;
    let recipient = recipient(context, caller).await?;
    let words = text(context.locale, "my-hours-set", &described(context, &recipient));
    context.reply(Document::says(words));
    Ok(())
}

fn described(context: &Context, recipient: &RecipientRule) -> [(&'static str, Argument<'static>); 2] {
    let hours = recipient.quiet_hours.complement().words(context.locale);
    let zone = time_zone_words(context.locale, recipient.time_zone);
    [("hours", Argument::from(hours)), ("zone", Argument::from(zone))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::Locale;

    #[test]
    fn the_hours_to_choose_from_are_those_on_the_buttons() {
        let words = Hours::ALL.map(|hours| hours.quiet().unwrap_or_default().complement().words(Locale::En));
        assert_eq!(words, ["at any hour", "every day from 08:00 to 20:00", "Monday to Friday from 09:00 to 18:00"]);
    }

    #[test]
    fn every_zone_has_a_button_and_a_name_of_its_own() {
        for locale in Locale::ALL {
            let names: std::collections::BTreeSet<String> =
                time_zones().map(|time_zone| time_zone_words(locale, time_zone)).collect();
            assert_eq!(names.len(), 14, "{names:?}");
            assert!(names.iter().all(|name| !name.contains('/')), "{names:?}");
        }
        for index in 0..14 {
            assert!(read(&[TIME_ZONE, index]).is_some());
        }
        assert_eq!(read(&[TIME_ZONE, 14]), None);
    }
}
