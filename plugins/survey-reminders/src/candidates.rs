//! Who takes part: the contacts that a campaign addresses, with what its plan depends on.

use std::collections::{BTreeMap, BTreeSet};

use bot_core::calendar::sending::{RecipientRule, Territory, WeeklyHours};
use bot_core::contacts::{ContactSet, ContactView, ContactsError};
use bot_core::plugin::{Context, HandlerError, OrganisationView, Purpose};
use bot_core::{ContactId, Locale};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::definition::{Addressees, Definition, Rung, StepKey};
use crate::plan::{Candidate, Past};
use crate::reason::{Exclusion, Reason};
use crate::refusal::{OperationError, Refusal};
use crate::store::{RespondentKey, RespondentState};

/// Lengths of a token that the schema accepts.
const TOKEN_CHARACTERS: std::ops::RangeInclusive<usize> = 4..=64;

/// The people of a plan, and what is shown and stored of them.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// By contact number; the organisers, if a step is for them, last.
    pub candidates: Vec<Candidate>,
    /// Of the same indexes.
    pub facts: Vec<PersonFacts>,
}

/// What a plan shows of somebody, and an approval stores.
#[derive(Clone, Debug, Default)]
pub struct PersonFacts {
    pub name: Option<String>,
    pub locale: Option<Locale>,
    /// The token of the questionnaire tool, where a field holds one.
    pub token: Option<String>,
    pub collectivite: Option<CollectiviteFacts>,
}

/// A collectivité as it was when the campaign was approved, so that a report is reproducible.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CollectiviteFacts {
    pub kind: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insee: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub siren: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub departement: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// What an earlier approval knows of somebody.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub by_contact: BTreeMap<ContactId, KnownParticipant>,
    pub answers: BTreeMap<RespondentKey, RespondentState>,
    pub organisers: Option<KnownParticipant>,
}

#[derive(Clone, Debug, Default)]
pub struct KnownParticipant {
    pub past: Vec<Past>,
    pub waiting: BTreeMap<StepKey, DateTime<Utc>>,
    pub barred: Option<Reason>,
}

/// The rule by which a contact is written to.
pub fn recipient_rule(view: &ContactView, organisation: Tz) -> RecipientRule {
    let own = view.time_zone.as_deref().and_then(|name| name.parse::<Tz>().ok());
    let departement = view.collectivite.as_ref().and_then(|collectivite| collectivite.departement.as_deref());
    // One that cannot be read forbids nothing here; the core asks again before each message.
    let quiet_hours =
        view.quiet_hours.as_ref().and_then(|hours| serde_json::from_value::<WeeklyHours>(hours.clone()).ok());
    RecipientRule::of_person(own, departement, quiet_hours.unwrap_or_default(), organisation)
}

/// Why nothing may be sent to them in any case, or not yet.
pub fn standing(view: &ContactView) -> (Option<Reason>, Option<Reason>) {
    if view.stopped {
        (Some(Reason::Stopped), None)
    } else if view.reach.last_used.is_none() {
        // Nobody without an address has been asked for consent yet.
        (None, Some(Reason::Unreachable))
    } else if !view.consents.contains(&Purpose::Reminder) {
        (Some(Reason::NoConsent), None)
    } else if view.reach.blocked && view.reach.others_agreed.is_empty() {
        (Some(Reason::Blocked), None)
    } else {
        (None, None)
    }
}

/// Whether they may be written to at a second address.
pub fn has_other_address(view: &ContactView) -> bool {
    !view.reach.others_agreed.is_empty()
}

/// Who is to answer for a contact.
pub fn respondent_of(view: &ContactView) -> RespondentKey {
    match &view.collectivite {
        Some(collectivite) => RespondentKey::Collectivite(collectivite.id.0),
        None => RespondentKey::Person(view.id),
    }
}

/// Reads everybody the campaign addresses.
///
/// # Errors
/// [`Refusal::Contacts`], [`Refusal::TokenTwice`].
pub async fn read(cx: &mut Context, definition: &Definition, known: &Known) -> Result<People, OperationError> {
    let excluded = match &definition.exclusions.query {
        Some(query) => ids(cx, &ContactSet::Query(query.clone())).await?,
        None => BTreeSet::new(),
    };
    let set = match &definition.to {
        Addressees::Everyone => ContactSet::Everyone,
        Addressees::Group(name) => ContactSet::Group(name.clone()),
        Addressees::Segment(name) => ContactSet::Segment(name.clone()),
        Addressees::Query(query) => ContactSet::Query(query.clone()),
    };
    let (organisation, now) = (cx.organisation.clone(), cx.now);
    let oldest = definition.exclusions.not_seen_since_days.map(|days| now - TimeDelta::days(days.into()));
    let mut people = People::default();
    let mut tokens: BTreeMap<String, i64> = BTreeMap::new();
    let mut twice = None;
    cx.contacts(&set, |view| {
        let by = if view.groups.iter().any(|group| definition.exclusions.groups.contains(group)) {
            Some(Exclusion::Group)
        } else if excluded.contains(&view.id) {
            Some(Exclusion::Query)
        } else {
            // Nobody who was never heard of has gone silent.
            let not_seen = oldest.zip(view.reach.last_seen).is_some_and(|(oldest, seen)| seen < oldest);
            not_seen.then_some(Exclusion::NotSeen)
        };
        let token = definition.questionnaire.token_field.as_ref().map(|field| token_in(&view, field));
        let (candidate, facts) = person(&view, &organisation, known, by, token);
        if let Some(token) = facts.token.as_ref().filter(|_| by.is_none())
            && let Some(first) = tokens.insert(token.clone(), view.number)
        {
            twice.get_or_insert((first, view.number));
        }
        people.candidates.push(candidate);
        people.facts.push(facts);
    })
    .await
    .map_err(refused)?;
    if let Some((one, other)) = twice {
        return Err(Refusal::TokenTwice { one, other }.into());
    }
    if definition.steps.iter().any(|step| step.to == Rung::Organisers) {
        people.candidates.push(organisers(definition.zone(organisation.time_zone), known));
        people.facts.push(PersonFacts::default());
    }
    Ok(people)
}

fn person(
    view: &ContactView,
    organisation: &OrganisationView,
    known: &Known,
    excluded: Option<Exclusion>,
    token: Option<Option<String>>,
) -> (Candidate, PersonFacts) {
    let respondent = respondent_of(view);
    let (mut barred, unreached) = standing(view);
    let before = known.by_contact.get(&view.id);
    barred = barred.or_else(|| before.and_then(|before| before.barred.clone()));
    if matches!(token, Some(None)) {
        barred = barred.or(Some(Reason::NoToken));
    }
    if let Some(by) = excluded {
        barred = Some(Reason::Excluded { by });
    }
    let candidate = Candidate {
        contact: Some(view.id),
        number: view.number,
        respondent: Some(respondent),
        rank: view.rank.unwrap_or(1),
        recipient: recipient_rule(view, organisation.time_zone),
        barred,
        unreached,
        has_other_address: has_other_address(view),
        answer: known.answers.get(&respondent).copied().unwrap_or(RespondentState::Silent),
        is_new: before.is_none(),
        past: before.map(|before| before.past.clone()).unwrap_or_default(),
        waiting: before.map(|before| before.waiting.clone()).unwrap_or_default(),
    };
    let collectivite = view.collectivite.as_ref().map(|collectivite| CollectiviteFacts {
        kind: collectivite.kind.as_str().to_owned(),
        name: collectivite.name.clone(),
        insee: collectivite.insee.clone(),
        siren: collectivite.siren.clone(),
        population: collectivite.population,
        departement: collectivite.departement.clone(),
        region: collectivite.region.clone(),
    });
    let facts = PersonFacts { name: view.name.clone(), locale: view.locale, token: token.flatten(), collectivite };
    (candidate, facts)
}

/// The rule by which the organisers are written to: on the campaign's clocks.
pub fn organisers_rule(zone: Tz) -> RecipientRule {
    RecipientRule { time_zone: zone, territory: Territory::of_time_zone(zone), quiet_hours: WeeklyHours::default() }
}

/// The organisers are written to together.
fn organisers(zone: Tz, known: &Known) -> Candidate {
    Candidate {
        contact: None,
        number: 0,
        respondent: None,
        rank: 1,
        recipient: organisers_rule(zone),
        barred: None,
        unreached: None,
        has_other_address: false,
        answer: RespondentState::Silent,
        is_new: known.organisers.is_none(),
        past: known.organisers.as_ref().map(|before| before.past.clone()).unwrap_or_default(),
        waiting: known.organisers.as_ref().map(|before| before.waiting.clone()).unwrap_or_default(),
    }
}

/// The token that a contact's field holds.
fn token_in(view: &ContactView, field: &str) -> Option<String> {
    let value = view.fields.get(field)?;
    let token = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let is_token =
        TOKEN_CHARACTERS.contains(&token.chars().count()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_token.then_some(token)
}

async fn ids(cx: &mut Context, set: &ContactSet) -> Result<BTreeSet<ContactId>, OperationError> {
    let mut ids = BTreeSet::new();
    cx.contacts(set, |view| {
        ids.insert(view.id);
    })
    .await
    .map_err(refused)?;
    Ok(ids)
}

fn refused(error: ContactsError) -> OperationError {
    match error {
        ContactsError::Database(error) => HandlerError::from(error).into(),
        other => Refusal::Contacts(other.to_string()).into(),
    }
}
