//! Approval: what somebody read is what is carried out, by its hash.
//!
//! Two hashes are stored: over wording, steps and policy (the definition as canonical JSON), and over the list of
//! (contact, step, earliest time). A [`PlanName`] holds the beginnings of both and the number of messages, so that an
//! approval names the plan it means and a refusal says what has changed since.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bot_core::ContactId;
use bot_core::plugin::{Context, HandlerError};
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::types::Json;

use crate::candidates::{self, Known, KnownParticipant, People};
use crate::definition::{Definition, StepKey, StepKind};
use crate::operations;
use crate::outcome::{self, Waiting};
use crate::plan::{Line, Occasion, Past, Plan, Verdict, plan};
use crate::reason::Reason;
use crate::refusal::{By, OperationError, Refusal};
use crate::store::{Campaign, CampaignId, MessageState, ParticipantId, RespondentKey, State};
use crate::{answers, engine, limesurvey, news};

/// Rows written by one statement.
const ROWS_MAX: usize = 5000;
/// Hexadecimal digits of a hash that a plan's name holds.
const NAME_DIGITS: usize = 16;

/// What is approved: everything, or people who joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A version as a whole: what waits of an earlier one is replaced.
    Whole,
    /// New people of the approved version; nothing is taken away.
    Supplement,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Supplement => "supplement",
        }
    }
}

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a plan is called at the command line: `<wording>-<list>-<messages>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanName {
    wording: String,
    list: String,
    messages: usize,
}

impl fmt::Display for PlanName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.wording, self.list, self.messages)
    }
}

impl FromStr for PlanName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refuse = || Refusal::NoPlan(text.to_owned());
        let parts: Vec<&str> = text.trim().split('-').collect();
        let [wording, list, messages] = parts[..] else { return Err(refuse()) };
        let is_hash = |part: &str| part.len() == NAME_DIGITS && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash(wording) || !is_hash(list) {
            return Err(refuse());
        }
        let messages = messages.parse().map_err(|_| refuse())?;
        Ok(Self { wording: wording.to_lowercase(), list: list.to_lowercase(), messages })
    }
}

/// A campaign's plan, as it may be approved now.
pub struct Proposal {
    pub campaign: Campaign,
    pub kind: Kind,
    pub people: People,
    pub plan: Plan,
    pub wording_hash: Hash,
    pub list_hash: Hash,
    pub messages: usize,
    /// Against what waits by an earlier approval; `None` when there is none.
    pub difference: Option<Difference>,
    /// Participants that an approval stored already.
    participants: BTreeMap<Option<ContactId>, ParticipantId>,
}

/// How a plan differs from what waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Difference {
    pub added: usize,
    pub removed: usize,
    pub moved: usize,
    pub unchanged: usize,
}

impl Proposal {
    pub fn name(&self) -> PlanName {
        let digits = |hash: Hash| hash.to_string()[..NAME_DIGITS].to_owned();
        PlanName { wording: digits(self.wording_hash), list: digits(self.list_hash), messages: self.messages }
    }

    /// The planned messages, with the candidate's index.
    pub fn planned(&self) -> impl Iterator<Item = (&Line, DateTime<Utc>)> {
        planned(&self.plan)
    }
}

fn planned(plan: &Plan) -> impl Iterator<Item = (&Line, DateTime<Utc>)> {
    plan.lines.iter().filter_map(|line| match line.verdict {
        Verdict::Planned { earliest, .. } => Some((line, earliest)),
        Verdict::Suppressed(_) => None,
    })
}

/// Plans a campaign as it stands, without storing anything.
///
/// # Errors
/// [`Refusal::Unknown`], [`Refusal::Contacts`], [`Refusal::TokenTwice`], [`Refusal::NothingApproved`] for a supplement
/// to what is not approved, [`Refusal::Is`] when it is over.
pub async fn propose(cx: &mut Context, id: CampaignId, kind: Kind) -> Result<Proposal, OperationError> {
    let campaign = operations::find(cx, id).await?;
    match campaign.state {
        State::Cancelled | State::Closed => return Err(Refusal::Is(campaign.state).into()),
        State::Draft | State::Approved | State::Paused => {}
    }
    if kind == Kind::Supplement && !campaign.is_current_approved() {
        return Err(Refusal::NothingApproved.into());
    }
    if campaign.deadline <= cx.now {
        return Err(Refusal::DeadlinePast.into());
    }
    let (known, participants) = known(cx, &campaign).await?;
    let people = candidates::read(cx, &campaign.definition, &known).await?;
    let occasion = Occasion {
        definition: &campaign.definition,
        time_zone: cx.organisation.time_zone,
        rule: &cx.organisation.sending_rule,
        now: cx.now,
    };
    let mut plan = plan(occasion, &people.candidates);
    if kind == Kind::Supplement {
        plan.lines.retain(|line| people.candidates[line.candidate].is_new);
    }
    let definition = &campaign.definition;
    let wording_hash = hash_of_wording(definition);
    let list_hash = hash_of_list(definition, &people, &plan);
    let messages = planned(&plan).count();
    let difference = (kind == Kind::Whole && !participants.is_empty()).then(|| difference(definition, &people, &plan));
    Ok(Proposal { campaign, kind, people, plan, wording_hash, list_hash, messages, difference, participants })
}

/// Over wording, steps and policy.
fn hash_of_wording(definition: &Definition) -> Hash {
    // A definition always becomes JSON; an empty value would match no other.
    let value = serde_json::to_value(definition).unwrap_or_default();
    let mut canonical = String::new();
    write_canonical(&value, &mut canonical);
    Hash(Sha256::digest(canonical).into())
}

/// JSON without white space, keys in order.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            out.push('{');
            for (index, (key, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write_canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(value, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// Over (contact, step, earliest time), in the order of the first two.
fn hash_of_list(definition: &Definition, people: &People, plan: &Plan) -> Hash {
    let mut list: Vec<(Option<ContactId>, &StepKey, i64)> = planned(plan)
        .map(|(line, earliest)| {
            let contact = people.candidates[line.candidate].contact;
            (contact, &definition.steps[line.step].key, earliest.timestamp_micros())
        })
        .collect();
    list.sort_unstable();
    let mut digest = Sha256::new();
    for (contact, step, earliest) in list {
        let contact = contact.map_or_else(|| "organisers".to_owned(), |contact| contact.to_string());
        digest.update(format!("{contact} {step} {earliest}\n"));
    }
    Hash(digest.finalize().into())
}

fn difference(definition: &Definition, people: &People, plan: &Plan) -> Difference {
    let mut difference = Difference::default();
    for (line, earliest) in planned(plan) {
        let waiting = &people.candidates[line.candidate].waiting;
        match waiting.get(&definition.steps[line.step].key) {
            None => difference.added += 1,
            Some(&before) if before == earliest => difference.unchanged += 1,
            Some(_) => difference.moved += 1,
        }
    }
    let waiting: usize = people.candidates.iter().map(|candidate| candidate.waiting.len()).sum();
    difference.removed = waiting - difference.unchanged - difference.moved;
    difference
}

/// What earlier approvals know of everybody.
async fn known(
    cx: &mut Context,
    campaign: &Campaign,
) -> Result<(Known, BTreeMap<Option<ContactId>, ParticipantId>), OperationError> {
    let organisation = cx.organisation.id;
    let kinds = kinds_of_steps(cx, campaign).await?;
    let rows = sqlx::query!(
        r#"
        SELECT id, contact_id, respondent_key, wish FROM survey_reminders.participant
        WHERE organisation_id = $1 AND campaign_id = $2 AND (contact_id IS NOT NULL OR respondent_key IS NULL)
        "#,
        organisation.0,
        campaign.id.0,
    )
    .fetch_all(cx.sql())
    .await?;
    let mut participants = BTreeMap::new();
    let mut by_id: BTreeMap<i64, KnownParticipant> = BTreeMap::new();
    let mut contacts: BTreeMap<i64, Option<ContactId>> = BTreeMap::new();
    for row in rows {
        let contact = row.contact_id.map(ContactId);
        let barred = match row.wish.as_deref() {
            Some("stopped") => Some(Reason::CampaignStopped),
            Some(_) => Some(Reason::NotMine),
            None => None,
        };
        participants.insert(contact, ParticipantId(row.id));
        contacts.insert(row.id, contact);
        by_id.insert(row.id, KnownParticipant { barred, ..KnownParticipant::default() });
    }
    let rows = sqlx::query!(
        r#"
        SELECT participant_id, step, state, earliest_at, coalesce(settled_at, handed_at) AS at
        FROM survey_reminders.planned_message WHERE organisation_id = $1 AND campaign_id = $2
        ORDER BY participant_id, step
        "#,
        organisation.0,
        campaign.id.0,
    )
    .fetch_all(cx.sql())
    .await?;
    for row in rows {
        // Rows of erased people concern nobody any more.
        let Some(participant) = by_id.get_mut(&row.participant_id) else { continue };
        let step: StepKey = row.step.parse().map_err(|_| broken("a planned message has no step"))?;
        match row.state.parse::<MessageState>().map_err(HandlerError::Broken)? {
            MessageState::Waiting => {
                participant.waiting.insert(step, row.earliest_at);
            }
            state => {
                let went_out = matches!(state, MessageState::Handed | MessageState::Sent | MessageState::Unknown);
                let kind = kinds.get(&step).copied().unwrap_or(StepKind::Reminder);
                participant.past.push(Past { step, kind, at: row.at.filter(|_| went_out) });
            }
        }
    }
    let rows = sqlx::query!(
        "SELECT key, state FROM survey_reminders.respondent WHERE organisation_id = $1 AND campaign_id = $2 AND state <> 'silent'",
        organisation.0,
        campaign.id.0,
    )
    .fetch_all(cx.sql())
    .await?;
    let mut known = Known::default();
    for row in rows {
        let key: RespondentKey = row.key.parse().map_err(|_| broken("a respondent has no key"))?;
        known.answers.insert(key, row.state.parse().map_err(HandlerError::Broken)?);
    }
    for (id, participant) in by_id {
        match contacts.get(&id).copied().flatten() {
            Some(contact) => {
                known.by_contact.insert(contact, participant);
            }
            None => known.organisers = Some(participant),
        }
    }
    Ok((known, participants))
}

fn broken(what: &str) -> HandlerError {
    HandlerError::Broken(what.to_owned())
}

/// Whether two names are one person's, however they are typed.
fn same_name(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// The kind of every step that any approved version had: the current one's word counts.
pub(crate) async fn kinds_of_steps(
    cx: &mut Context,
    campaign: &Campaign,
) -> Result<BTreeMap<StepKey, StepKind>, HandlerError> {
    let organisation = cx.organisation.id;
    let rows = sqlx::query_scalar!(
        r#"
        SELECT definition AS "definition: Json<Definition>" FROM survey_reminders.approval
        WHERE organisation_id = $1 AND campaign_id = $2 ORDER BY number
        "#,
        organisation.0,
        campaign.id.0,
    )
    .fetch_all(cx.sql())
    .await?;
    let all = rows.iter().map(|row| &row.0).chain(std::iter::once(&campaign.definition));
    Ok(all.flat_map(|definition| &definition.steps).map(|step| (step.key.clone(), step.kind)).collect())
}

/// Approves the plan that `name` names, and stores its messages. What waits by an earlier version and is not in it is
/// cancelled; what went out stays, and nobody gets a step twice.
///
/// # Errors
/// Those of [`propose`], [`Refusal::PlanChanged`], [`Refusal::SamePerson`], [`Refusal::AlreadyApproved`],
/// [`Refusal::NoMessages`], [`Refusal::TokenTaken`], [`Refusal::NoPublicUrl`].
pub async fn approve(
    cx: &mut Context,
    id: CampaignId,
    kind: Kind,
    name: &PlanName,
    approved_by: &str,
) -> Result<Proposal, OperationError> {
    operations::lock(cx, id).await?;
    let proposal = propose(cx, id, kind).await?;
    let campaign = &proposal.campaign;
    let now_name = proposal.name();
    if now_name != *name {
        let wording_changed = now_name.wording != name.wording;
        return Err(Refusal::PlanChanged { wording_changed, seen: name.messages, now: now_name.messages }.into());
    }
    if kind == Kind::Whole && campaign.is_current_approved() {
        return Err(Refusal::AlreadyApproved.into());
    }
    if campaign.definition.two_people && same_name(&campaign.edited_by, approved_by) {
        return Err(Refusal::SamePerson(approved_by.to_owned()).into());
    }
    if proposal.messages == 0 {
        return Err(Refusal::NoMessages.into());
    }
    if campaign.definition.questionnaire.redirect && cx.public_url.is_none() {
        return Err(Refusal::NoPublicUrl.into());
    }
    let number = write_approval(cx, &proposal, approved_by).await?;
    let participants = write_people(cx, &proposal).await?;
    write_messages(cx, &proposal, &participants, number).await?;
    if kind == Kind::Whole {
        // What waits by an earlier approval and is not in this one goes out no more.
        let rest = Waiting { campaign: id, before_approval: number };
        while outcome::end_waiting(cx, rest, MessageState::Cancelled, &Reason::NoLongerPlanned).await? {}
    }
    let (organisation, version) = (cx.organisation.id, campaign.version);
    sqlx::query!(
        r#"
        UPDATE survey_reminders.campaign
        SET approved_version = $3, state = CASE WHEN state = 'draft' THEN 'approved' ELSE state END
        WHERE organisation_id = $1 AND id = $2
        "#,
        organisation.0,
        id.0,
        version,
    )
    .execute(cx.sql())
    .await?;
    engine::wake(cx, id);
    let details = json!({
        "version": version, "approval": number, "kind": kind, "messages": proposal.messages,
        "wording": proposal.wording_hash, "list": proposal.list_hash,
    });
    By::whoever_asked(cx, Some(approved_by)).did(cx, "campaign.approved", id, details);
    limesurvey::schedule(cx, id, &proposal.campaign.definition);
    news::opened(cx, &proposal.campaign).await?;
    // Somebody may have answered before they were among the participants.
    answers::match_again(cx, id).await?;
    Ok(proposal)
}

async fn write_approval(cx: &mut Context, proposal: &Proposal, approved_by: &str) -> Result<i32, HandlerError> {
    let (organisation, now, campaign) = (cx.organisation.id, cx.now, &proposal.campaign);
    let number = sqlx::query_scalar!(
        r#"
        INSERT INTO survey_reminders.approval
            (organisation_id, campaign_id, number, kind, version, definition, wording_hash, list_hash, messages,
             approved_by, approved_at)
        SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5, $6, $7, $8, $9, $10
        FROM survey_reminders.approval WHERE organisation_id = $1 AND campaign_id = $2
        RETURNING number
        "#,
        organisation.0,
        campaign.id.0,
        proposal.kind.as_str(),
        campaign.version,
        Json(&campaign.definition) as _,
        proposal.wording_hash.0.as_slice(),
        proposal.list_hash.0.as_slice(),
        i32::try_from(proposal.messages).unwrap_or(i32::MAX),
        approved_by,
        now,
    )
    .fetch_one(cx.sql())
    .await?;
    Ok(number)
}

/// Stores everybody who takes part, those without a message too: they may still answer.
async fn write_people(
    cx: &mut Context,
    proposal: &Proposal,
) -> Result<BTreeMap<Option<ContactId>, ParticipantId>, OperationError> {
    let (organisation, campaign) = (cx.organisation.id, &proposal.campaign);
    let everybody = || proposal.people.candidates.iter().zip(&proposal.people.facts);
    let new: Vec<_> = everybody()
        .filter(|(candidate, _)| !proposal.participants.contains_key(&candidate.contact))
        .filter(|(candidate, _)| !matches!(candidate.barred, Some(Reason::Excluded { .. })))
        .collect();
    let mut respondents = BTreeMap::new();
    for (candidate, facts) in &new {
        if let Some(respondent) = candidate.respondent {
            let facts = match &facts.collectivite {
                Some(collectivite) => serde_json::to_value(collectivite).unwrap_or_default(),
                None => json!({}),
            };
            respondents.insert(respondent, facts);
        }
    }
    let respondents: Vec<(RespondentKey, Value)> = respondents.into_iter().collect();
    for chunk in respondents.chunks(ROWS_MAX) {
        let keys: Vec<String> = chunk.iter().map(|(key, _)| key.to_string()).collect();
        let collectivites: Vec<Option<i64>> = chunk
            .iter()
            .map(|(key, _)| match key {
                RespondentKey::Collectivite(number) => Some(*number),
                RespondentKey::Person(_) => None,
            })
            .collect();
        let facts: Vec<Value> = chunk.iter().map(|(_, facts)| facts.clone()).collect();
        sqlx::query!(
            r#"
            INSERT INTO survey_reminders.respondent (organisation_id, campaign_id, key, collectivite_id, facts)
            SELECT $1, $2, new.key, new.collectivite_id, new.facts
            FROM unnest($3::text[], $4::bigint[], $5::jsonb[]) AS new (key, collectivite_id, facts)
            ON CONFLICT DO NOTHING
            "#,
            organisation.0,
            campaign.id.0,
            &keys,
            &collectivites as &[Option<i64>],
            &facts,
        )
        .execute(cx.sql())
        .await?;
    }
    // Else the database takes these tables for empty and looks each foreign key up as in one: 60,000 people would take
    // minutes.
    sqlx::query!("ANALYZE survey_reminders.respondent").execute(cx.sql()).await?;
    let mut participants = proposal.participants.clone();
    for chunk in new.chunks(ROWS_MAX) {
        let contacts: Vec<Option<uuid::Uuid>> = chunk.iter().map(|(who, _)| who.contact.map(|id| id.0)).collect();
        let keys: Vec<Option<String>> =
            chunk.iter().map(|(who, _)| who.respondent.map(|key| key.to_string())).collect();
        let ranks: Vec<i16> = chunk.iter().map(|(who, _)| who.rank.into()).collect();
        let tokens: Vec<String> = chunk
            .iter()
            .map(|(who, facts)| facts.token.clone().unwrap_or_else(|| own_token(campaign, who.contact)))
            .collect();
        let rows = sqlx::query!(
            r#"
            INSERT INTO survey_reminders.participant (organisation_id, campaign_id, contact_id, respondent_key, rank, token)
            SELECT $1, $2, new.contact_id, new.respondent_key, new.rank, new.token
            FROM unnest($3::uuid[], $4::text[], $5::smallint[], $6::text[]) AS new (contact_id, respondent_key, rank, token)
            ON CONFLICT DO NOTHING RETURNING id, contact_id
            "#,
            organisation.0,
            campaign.id.0,
            &contacts as &[Option<uuid::Uuid>],
            &keys as &[Option<String>],
            &ranks,
            &tokens,
        )
        .fetch_all(cx.sql())
        .await?;
        participants.extend(rows.into_iter().map(|row| (row.contact_id.map(ContactId), ParticipantId(row.id))));
        // All are new here, so only a token can be in the way.
        if let Some((taken, _)) = chunk.iter().find(|(who, _)| !participants.contains_key(&who.contact)) {
            return Err(Refusal::TokenTaken(taken.number).into());
        }
    }
    sqlx::query!("ANALYZE survey_reminders.participant").execute(cx.sql()).await?;
    Ok(participants)
}

/// A token of our own making: 80 bits, which nobody guesses, in letters and digits that are not mistaken for each other.
pub(crate) fn own_token(campaign: &Campaign, contact: Option<ContactId>) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    #[allow(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(campaign.secret.0.expose()).expect("any key length fits");
    mac.update(b"token\0");
    mac.update(contact.map(|contact| contact.0).unwrap_or_default().as_bytes());
    let bytes = mac.finalize().into_bytes();
    let bits = bytes[..10].iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    (0..16).rev().map(|place| char::from(LETTERS[(bits >> (5 * place) & 31) as usize])).collect()
}

async fn write_messages(
    cx: &mut Context,
    proposal: &Proposal,
    participants: &BTreeMap<Option<ContactId>, ParticipantId>,
    number: i32,
) -> Result<(), HandlerError> {
    let (organisation, campaign) = (cx.organisation.id, &proposal.campaign);
    let messages: Vec<(&Line, DateTime<Utc>)> = proposal.planned().collect();
    for chunk in messages.chunks(ROWS_MAX) {
        let mut steps: Vec<String> = Vec::with_capacity(chunk.len());
        let mut whom: Vec<i64> = Vec::with_capacity(chunk.len());
        let mut times: Vec<DateTime<Utc>> = Vec::with_capacity(chunk.len());
        for (line, earliest) in chunk {
            let contact = proposal.people.candidates[line.candidate].contact;
            let participant = participants.get(&contact).ok_or_else(|| broken("a message is planned for nobody"))?;
            steps.push(campaign.definition.steps[line.step].key.to_string());
            whom.push(participant.0);
            times.push(*earliest);
        }
        sqlx::query!(
            r#"
            INSERT INTO survey_reminders.planned_message AS message
                (organisation_id, campaign_id, step, participant_id, approval, version, earliest_at, due_at, state)
            SELECT $1, $2, new.step, new.participant_id, $3, $4, new.earliest_at, new.earliest_at, 'waiting'
            FROM unnest($5::text[], $6::bigint[], $7::timestamptz[]) AS new (step, participant_id, earliest_at)
            ON CONFLICT (organisation_id, campaign_id, step, participant_id) DO UPDATE
            SET approval = excluded.approval, version = excluded.version, earliest_at = excluded.earliest_at,
                due_at = excluded.due_at, reason = NULL
            WHERE message.state = 'waiting'
            "#,
            organisation.0,
            campaign.id.0,
            number,
            campaign.version,
            &steps,
            &whom,
            &times,
        )
        .execute(cx.sql())
        .await?;
    }
    sqlx::query!("ANALYZE survey_reminders.planned_message").execute(cx.sql()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plans_name_reads_back_and_nothing_else_does() {
        let name = PlanName { wording: "0123456789abcdef".to_owned(), list: "f".repeat(16), messages: 12 };
        assert_eq!(name.to_string().parse(), Ok(name));
        for wrong in ["", "abc", "0123456789abcdef-ffffffffffffffff", "0123456789abcdeg-ffffffffffffffff-1"] {
            assert_eq!(wrong.parse::<PlanName>(), Err(Refusal::NoPlan(wrong.to_owned())));
        }
    }

    #[test]
    fn canonical_json_does_not_depend_on_the_order_of_keys() {
        let canonical = |text: &str| {
            let mut out = String::new();
            write_canonical(&serde_json::from_str(text).unwrap(), &mut out);
            out
        };
        assert_eq!(
            canonical(r#"{ "b": [1, {"d": null, "c": "é\n"}], "a": true }"#),
            r#"{"a":true,"b":[1,{"c":"é\n","d":null}]}"#
        );
    }
}
