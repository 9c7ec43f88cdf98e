//! The message of a step: the organiser's words with one person's variables, and what is added below them.

use bot_core::Locale;
use bot_core::i18n::date_time;
use bot_core::message::{Block, Document};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use crate::definition::{Definition, Questionnaire, Rung, Step, TOKEN_PLACE};
use crate::words::text;

/// Collectivités that a message to the organisers names at most; it says how many there are in all.
pub const LISTED_MAX: usize = 20;

/// What the words of a step may name, by whom it addresses. French, as the organisers' files are.
pub fn variables(rung: Rung, questionnaire: &Questionnaire) -> Vec<&'static str> {
    let mut known = vec!["titre", "expediteur", "organisation", "date_limite", "jours_restants"];
    if rung == Rung::Organisers {
        known.extend(["silencieuses", "repondues", "total", "liste"]);
    } else {
        known.extend(["nom", "collectivite"]);
        if questionnaire.link.is_some() {
            known.push("lien");
        }
    }
    known
}

/// The document of a step in one language. What differs from person to person are its variables.
/// Its buttons are added by [`crate::engine`], which knows the campaign's number.
pub fn document(definition: &Definition, step: &Step, locale: Locale, is_late: bool) -> Document {
    let mut document = Document::new().block(Block::Template { markdown: step.wording.in_locale(locale).to_owned() });
    if is_late {
        document = document.paragraph(text(locale, "message-late", &[]));
    }
    if definition.questionnaire.redirect && step.to != Rung::Organisers {
        document = document.paragraph(text(locale, "message-redirect", &[]));
    }
    document
}

/// What is the same for everybody who gets a message of the campaign at `now`.
#[derive(Clone, Debug)]
pub struct Occasion<'d> {
    pub definition: &'d Definition,
    pub organisation: &'d str,
    pub deadline: DateTime<Utc>,
    pub now: DateTime<Utc>,
}

impl Occasion<'_> {
    fn common(&self, locale: Locale, time_zone: Tz) -> Map<String, Value> {
        let day = |moment: DateTime<Utc>| moment.with_timezone(&time_zone).date_naive();
        let days_left = (day(self.deadline) - day(self.now)).num_days().max(0);
        let values = json!({
            "titre": self.definition.title_in(locale),
            "expediteur": self.definition.sender,
            "organisation": self.organisation,
            "date_limite": date_time(locale, self.deadline, time_zone),
            "jours_restants": days_left,
        });
        match values {
            Value::Object(values) => values,
            _ => Map::new(),
        }
    }

    /// The variables of a message to somebody who is to answer. Dates are on their own clocks.
    pub fn to_person(&self, person: &Person<'_>) -> Map<String, Value> {
        let mut values = self.common(person.locale, person.time_zone);
        values.insert("nom".to_owned(), json!(person.name.unwrap_or_default()));
        values.insert("collectivite".to_owned(), json!(person.collectivite.unwrap_or_default()));
        if let Some(link) = person.link {
            values.insert("lien".to_owned(), json!(link));
        }
        values
    }

    /// The variables of a message to the organisers.
    pub fn to_organisers(&self, silence: &Silence, locale: Locale, time_zone: Tz) -> Map<String, Value> {
        let mut values = self.common(locale, time_zone);
        values.insert("silencieuses".to_owned(), json!(silence.silent));
        values.insert("repondues".to_owned(), json!(silence.answered));
        values.insert("total".to_owned(), json!(silence.total));
        values.insert("liste".to_owned(), json!(silence.names.iter().take(LISTED_MAX).collect::<Vec<_>>()));
        values
    }
}

/// Somebody who is to answer, as a message names them.
#[derive(Clone, Copy, Debug)]
pub struct Person<'p> {
    pub locale: Locale,
    pub time_zone: Tz,
    pub name: Option<&'p str>,
    pub collectivite: Option<&'p str>,
    /// Their personal link; `None` where it is answered in chat alone.
    pub link: Option<&'p str>,
}

/// Who has not answered yet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Silence {
    /// Collectivités (and persons who work for none) that have neither answered nor refused.
    pub silent: i64,
    pub answered: i64,
    pub total: i64,
    /// The first of them by name.
    pub names: Vec<String>,
}

/// The questionnaire's address for one participant, or `None` where it is answered in chat alone.
pub fn questionnaire_link(questionnaire: &Questionnaire, token: &str) -> Option<String> {
    questionnaire.link.as_ref().map(|link| link.replace(TOKEN_PLACE, &percent_encoded(token)))
}

/// The link that a message carries: the questionnaire's own, or where openings are counted one that leads through our
/// public pages.
pub fn link(definition: &Definition, token: &str, public_url: Option<&str>) -> Option<String> {
    match public_url.filter(|_| definition.questionnaire.redirect && definition.questionnaire.link.is_some()) {
        Some(ours) => Some(format!("{ours}/q/{}/{}", definition.slug, percent_encoded(token))),
        None => questionnaire_link(&definition.questionnaire, token),
    }
}

/// A token may be the tool's own, with any sign in it.
fn percent_encoded(token: &str) -> String {
    let mut encoded = String::with_capacity(token.len());
    for byte in token.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use bot_core::message::layout::words_of;
    use bot_core::message::template::fill;

    use super::*;
    use crate::bench::definition;

    #[test]
    fn a_message_says_whom_it_is_for_until_when_and_that_it_is_late() {
        let definition = definition();
        let step = definition.step("relance-1").unwrap();
        let occasion = Occasion {
            definition: &definition,
            organisation: "Décider ensemble",
            deadline: definition.deadline(chrono_tz::Europe::Paris),
            now: "2026-10-05T07:00:00Z".parse().unwrap(),
        };
        let link = link(&definition, "ab c1", None).unwrap();
        let person = Person {
            locale: Locale::Fr,
            time_zone: chrono_tz::Indian::Reunion,
            name: Some("Zoé *Payet*"),
            collectivite: Some("Saint-Denis"),
            link: Some(&link),
        };
        let document = document(&definition, step, Locale::Fr, true);
        let filled = fill(&document, &occasion.to_person(&person)).unwrap();
        let words: Vec<String> = filled.blocks.iter().map(words_of).collect();
        insta::assert_snapshot!(words.join("\n").replace('\u{a0}', " "), @r"
        Bonjour Zoé *Payet*, Saint-Denis n’a pas encore répondu : il reste 39 jours.
        Répondre (https://enquetes.example.org/index.php/12345?token=ab%20c1) avant le vendredi 13 novembre 2026 à 21 h
        Ce message vous parvient avec retard, veuillez nous en excuser.
        ");
        assert_eq!(link, "https://enquetes.example.org/index.php/12345?token=ab%20c1");
    }

    #[test]
    fn a_counted_link_leads_through_our_pages_and_says_so() {
        let mut definition = definition();
        definition.questionnaire.redirect = true;
        let ours = link(&definition, "abcd", Some("https://crieur.example.org"));
        assert_eq!(ours.as_deref(), Some("https://crieur.example.org/q/barometre-2026/abcd"));
        let step = definition.step("relance-1").unwrap();
        let words = words_of(document(&definition, step, Locale::En, false).blocks.last().unwrap());
        assert_eq!(words, "The link leads through our service, which counts openings.");
    }
}
