//! The questionnaire in chat: the questions are another plugin's, whose answers are told to us as notes.
//!
//! A collectivité answers once. Whoever works for it may do so, also a colleague who came by an invitation and is not
//! among the participants yet: they get no reminder, but their answer counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bot_core::ContactId;
use bot_core::contacts::{ContactSet, ContactView};
use bot_core::message::Document;
use bot_core::plugin::{Caller, Context, HandlerError, HandlerResult, Note};
use chrono::{DateTime, Utc};
use sqlx::types::Json;

use crate::action::{Action, Verb};
use crate::answers::{self, Completeness, Keys, News, Source, Who};
use crate::definition::Definition;
use crate::standing::reference;
use crate::store::{CampaignId, RespondentKey, RespondentState};
use crate::undo;
use crate::words::text;

/// What is noted when somebody begins or finishes the questions of a named consultation, whose slug is the subject.
const ANSWERED: &str = "questionnaire.answered";
/// … and when they withdraw what they had finished.
const WITHDRAWN: &str = "questionnaire.withdrawn";

/// Another plugin told something.
pub(crate) async fn noted(cx: &mut Context, note: &Note) -> HandlerResult {
    let Some(contact) = note.contact.filter(|_| [ANSWERED, WITHDRAWN].contains(&note.topic.as_str())) else {
        return Ok(());
    };
    for campaign in asking(cx, &note.subject).await? {
        if note.topic == WITHDRAWN {
            undo::unheard(cx, campaign, Source::Chat, &reference(contact)).await?;
            continue;
        }
        let is_complete = note.details.get("complete").is_some_and(|complete| complete == true);
        let whose = whose(cx, campaign, &[contact]).await?;
        let who = whose.get(&contact).map_or(Who::Keys(Keys::default()), |one| Who::Respondent(one.respondent));
        let news = News {
            source: Source::Chat,
            reference: reference(contact).parse().map_err(|error| broken(&error))?,
            completeness: if is_complete { Completeness::Complete } else { Completeness::Partial },
            who,
            answered_at: None,
        };
        answers::heard(cx, campaign, news).await?;
    }
    Ok(())
}

fn broken(error: &dyn std::fmt::Display) -> HandlerError {
    HandlerError::Broken(error.to_string())
}

/// The campaigns that are not cancelled and whose questionnaire is this consultation. An answer may come before the
/// approval that makes its author a participant, which takes it then.
async fn asking(cx: &mut Context, consultation: &str) -> Result<Vec<CampaignId>, HandlerError> {
    let organisation = cx.organisation.id;
    let rows = sqlx::query_scalar!(
        r#"
        SELECT id FROM survey_reminders.campaign
        WHERE organisation_id = $1 AND definition -> 'questionnaire' ->> 'consultation' = $2
          AND state IN ('draft', 'approved', 'paused', 'closed')
        ORDER BY id
        "#,
        organisation.0,
        consultation,
    )
    .fetch_all(cx.sql())
    .await?;
    Ok(rows.into_iter().map(CampaignId).collect())
}

/// For whom somebody answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answerer {
    pub respondent: RespondentKey,
    /// `None`: they work for the collectivité and are not among the participants.
    pub token: Option<String>,
}

/// For whom each of `contacts` answers: as participants, else for the collectivité they work for. Who is not in the
/// answer answers for nobody of this campaign.
///
/// # Errors
/// When the database refuses.
pub async fn whose(
    cx: &mut Context,
    campaign: CampaignId,
    contacts: &[ContactId],
) -> Result<HashMap<ContactId, Answerer>, HandlerError> {
    let organisation = cx.organisation.id;
    let ids: Vec<uuid::Uuid> = contacts.iter().map(|contact| contact.0).collect();
    let rows = sqlx::query!(
        r#"
        SELECT contact_id AS "contact!", respondent_key AS "respondent!", token FROM survey_reminders.participant
        WHERE organisation_id = $1 AND campaign_id = $2 AND contact_id = ANY ($3) AND respondent_key IS NOT NULL
        "#,
        organisation.0,
        campaign.0,
        &ids,
    )
    .fetch_all(cx.sql())
    .await?;
    let mut found = HashMap::new();
    for row in rows {
        let respondent = row.respondent.parse().map_err(|error| broken(&error))?;
        found.insert(ContactId(row.contact), Answerer { respondent, token: Some(row.token) });
    }
    let others: Vec<ContactId> = contacts.iter().copied().filter(|contact| !found.contains_key(contact)).collect();
    if others.is_empty() {
        return Ok(found);
    }
    let mut bodies: BTreeMap<i64, Vec<ContactId>> = BTreeMap::new();
    let keep = |view: ContactView| {
        if let Some(body) = view.collectivite {
            bodies.entry(body.id.0).or_default().push(view.id);
        }
    };
    cx.contacts(&ContactSet::These(others), keep).await.map_err(|error| broken(&error))?;
    let numbers: Vec<i64> = bodies.keys().copied().collect();
    let asked = sqlx::query_scalar!(
        r#"
        SELECT collectivite_id AS "body!" FROM survey_reminders.respondent
        WHERE organisation_id = $1 AND campaign_id = $2 AND collectivite_id = ANY ($3)
        "#,
        organisation.0,
        campaign.0,
        &numbers,
    )
    .fetch_all(cx.sql())
    .await?;
    for body in asked {
        for contact in bodies.get(&body).into_iter().flatten() {
            found.insert(*contact, Answerer { respondent: RespondentKey::Collectivite(body), token: None });
        }
    }
    Ok(found)
}

/// A campaign that asks the caller's collectivité, in which they take no part themselves.
struct Guest {
    campaign: CampaignId,
    definition: Definition,
    answer: RespondentState,
}

async fn as_guest(cx: &mut Context, contact: ContactId) -> Result<Vec<Guest>, HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let view = cx.contact(contact).await.map_err(|error| broken(&error))?;
    let Some(body) = view.and_then(|view| view.collectivite) else { return Ok(Vec::new()) };
    let rows = sqlx::query!(
        r#"
        SELECT campaign.id, approval.definition AS "definition: Json<Definition>", respondent.state
        FROM survey_reminders.respondent
        JOIN survey_reminders.campaign
          ON campaign.organisation_id = respondent.organisation_id AND campaign.id = respondent.campaign_id
        JOIN LATERAL (
            SELECT approved.definition FROM survey_reminders.approval AS approved
            WHERE approved.organisation_id = campaign.organisation_id AND approved.campaign_id = campaign.id
              AND approved.version = campaign.approved_version
            ORDER BY approved.number DESC LIMIT 1
        ) AS approval ON true
        WHERE respondent.organisation_id = $1 AND respondent.collectivite_id = $2
          AND campaign.state IN ('approved', 'paused') AND campaign.deadline > $3
        ORDER BY campaign.deadline, campaign.id
        "#,
        organisation.0,
        body.id.0,
        now,
    )
    .fetch_all(cx.sql())
    .await?;
    let guests = rows.into_iter().map(|row| {
        let answer = row.state.parse().map_err(HandlerError::Broken)?;
        Ok(Guest { campaign: CampaignId(row.id), definition: row.definition.0, answer })
    });
    guests.collect()
}

impl Guest {
    fn is_settled(&self) -> bool {
        matches!(self.answer, RespondentState::Answered | RespondentState::Refused)
    }
}

/// What the collectivité of somebody who takes no part is asked.
pub(crate) async fn list_for_guests(cx: &mut Context, caller: &Caller) -> HandlerResult {
    let locale = cx.locale;
    let guests = as_guest(cx, caller.contact).await?;
    if guests.is_empty() {
        cx.reply(Document::says(text(locale, "chat-list-none", &[])));
        return Ok(());
    }
    let mut document = Document::new();
    for guest in &guests {
        let title = guest.definition.title_in(locale);
        let id = match (guest.is_settled(), &guest.definition.questionnaire.consultation) {
            (true, _) => "chat-guest-answered",
            (false, Some(_)) => "chat-guest-here",
            (false, None) => "chat-guest-waits",
        };
        document = document.paragraph(text(locale, id, &[("title", title.into())]));
        if guest.definition.questionnaire.consultation.is_some() {
            let verb = if guest.is_settled() { Verb::AnswerAnyway } else { Verb::AnswerHere };
            let id = if guest.is_settled() { "chat-guest-answer-anyway" } else { "chat-guest-answer" };
            let label = text(locale, id, &[("title", title.into())]);
            document = document.choice(label, Action::in_answer(verb, guest.campaign).payload());
        }
    }
    cx.reply(document);
    Ok(())
}

/// A press of somebody who takes no part: a forwarded message, or one of before an erasure.
pub(crate) async fn press_of_guest(cx: &mut Context, caller: &Caller, action: Action) -> HandlerResult {
    let locale = cx.locale;
    let guests = as_guest(cx, caller.contact).await?;
    let guest = guests.iter().find(|guest| guest.campaign == action.campaign);
    let consultation = guest.and_then(|guest| guest.definition.questionnaire.consultation.clone());
    match (guest, consultation, action.verb) {
        (Some(guest), Some(consultation), Verb::AnswerHere | Verb::AnswerAnyway) => {
            // They may have answered themselves: the questions tell, and can be changed there.
            if guest.is_settled() && action.verb == Verb::AnswerHere {
                return list_for_guests(cx, caller).await;
            }
            cx.hand_over("repondre", consultation);
        }
        (Some(_), ..) => return list_for_guests(cx, caller).await,
        (None, ..) => cx.reply(Document::says(text(locale, "chat-unknown", &[]))),
    }
    Ok(())
}

/// An answer given in chat, as far as it matters for which one counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Given {
    /// `None`: the person is erased.
    pub contact: Option<ContactId>,
    /// When it was finished; `None` while it is not.
    pub finished_at: Option<DateTime<Utc>>,
}

/// Whether an answer is its collectivité's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Counting {
    Counts,
    /// Another answer of the same collectivité was finished first, or this one is not finished and another one is.
    Second,
    /// Nobody knows for whom it was given.
    Unknown,
}

/// Which of `given` count: of each respondent the one that was finished first, else the first unfinished one. In the
/// order of `given`.
pub fn counting(given: &[Given], whose: &HashMap<ContactId, Answerer>) -> Vec<Counting> {
    let respondent = |one: &Given| one.contact.and_then(|contact| whose.get(&contact)).map(|one| one.respondent);
    let mut order: Vec<usize> = (0..given.len()).collect();
    order.sort_by_key(|&index| (given[index].finished_at.is_none(), given[index].finished_at, index));
    let mut counted: BTreeSet<RespondentKey> = BTreeSet::new();
    let mut result = vec![Counting::Unknown; given.len()];
    for index in order {
        if let Some(key) = respondent(&given[index]) {
            result[index] = if counted.insert(key) { Counting::Counts } else { Counting::Second };
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::approval::Kind;
    use crate::bench::Desk;
    use crate::chat_bench::{SURVEY, answer, contact, noted, waits};
    use crate::operations;

    #[tokio::test]
    async fn an_answer_counts_once_its_author_takes_part() {
        let mut desk = Desk::new(841).await;
        desk.contacts(1..=1, None, 1, true).await;
        let created = desk.does(async |cx| operations::create(cx, SURVEY, "claire").await).await.unwrap();
        noted(&mut desk, ANSWERED, contact(1), true).await;
        desk.approves(created.id, Kind::Whole).await.unwrap();
        assert_eq!(answer(&desk, "c1").await, "answered", "it came while the campaign was a draft");
        assert!(waits(&desk, contact(1)).await.is_empty());
        // Somebody of a collectivité that is not asked yet.
        desk.contacts(2..=2, None, 1, true).await;
        noted(&mut desk, ANSWERED, contact(2), true).await;
        desk.approves(created.id, Kind::Supplement).await.unwrap();
        assert_eq!(answer(&desk, "c2").await, "answered");
        assert!(waits(&desk, contact(2)).await.is_empty());
    }

    #[tokio::test]
    async fn an_answer_follows_what_had_gone_out() {
        for (seed, outbox, step) in [(842, "held", ""), (843, "sent", "invitation")] {
            let mut desk = Desk::new(seed).await;
            desk.outbox = outbox;
            desk.contacts(1..=1, None, 1, true).await;
            let id = desk.approved(SURVEY).await;
            desk.until("2026-09-08T07:00:00Z").await;
            assert_eq!(desk.sent.len(), 1, "it is handed over, and nobody has asked the outbox yet");
            noted(&mut desk, ANSWERED, contact(1), true).await;
            let after =
                sqlx::query_scalar!("SELECT after_step FROM survey_reminders.answer_news WHERE campaign_id = $1", id.0);
            assert_eq!(after.fetch_one(&desk.bench.pool).await.unwrap(), step, "{outbox}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_came_during_the_approval_is_taken_up_by_a_tick() {
        let mut desk = Desk::new(844).await;
        desk.contacts(1..=1, None, 1, true).await;
        let id = desk.approved(SURVEY).await;
        // As it is written by somebody who saw the campaign without its participants.
        sqlx::query!(
            r#"
            INSERT INTO survey_reminders.answer_news
                (organisation_id, campaign_id, source, reference, completeness, heard_at)
            VALUES ($1, $2, 'chat', $3, 'complete', $4)
            "#,
            desk.bench.organisation.id.0,
            id.0,
            reference(contact(1)),
            desk.bench.clock.now(),
        )
        .execute(&desk.bench.pool)
        .await
        .unwrap();
        desk.until("2026-09-01T08:00:00Z").await;
        assert_eq!(answer(&desk, "c1").await, "answered");
        assert!(waits(&desk, contact(1)).await.is_empty());
    }

    #[test]
    fn of_a_collectivite_the_first_finished_answer_counts() {
        let contact = |number: u128| ContactId(Uuid::from_u128(number));
        let at = |hour: u32| Some(format!("2026-10-06T{hour:02}:00:00Z").parse().unwrap());
        let whose: HashMap<ContactId, Answerer> = [(1, 10), (2, 10), (3, 10), (4, 20), (5, 20)]
            .into_iter()
            .map(|(number, body)| {
                (contact(number), Answerer { respondent: RespondentKey::Collectivite(body), token: None })
            })
            .collect();
        let given = |number: Option<u128>, finished_at| Given { contact: number.map(contact), finished_at };
        let all = [
            given(Some(1), None),
            given(Some(2), at(12)),
            given(Some(3), at(9)),
            given(Some(4), None),
            given(Some(5), None),
            given(Some(6), at(8)),
            given(None, at(8)),
        ];
        use Counting::{Counts, Second, Unknown};
        assert_eq!(counting(&all, &whose), [Second, Second, Counts, Counts, Second, Unknown, Unknown]);
    }
}
