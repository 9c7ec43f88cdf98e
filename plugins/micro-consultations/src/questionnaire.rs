//! Named consultations as questionnaires: others are told who has begun and who has finished, and operators read the
//! answers with their authors. Of an anonymous consultation nobody is told and nothing is read.

use bot_core::ContactId;
use bot_core::plugin::{Context, HandlerError, Note};
use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::types::Json;

use crate::answer::Answers;
use crate::definition::{Anonymity, Definition};
use crate::operations::{self, OperationError};
use crate::refusal::Refusal;
use crate::talk::Talk;

/// Told when somebody gives their first answer (`complete` is false) and when they cast their ballot (true).
const ANSWERED: &str = "questionnaire.answered";
/// Told when they withdraw their ballot.
const WITHDRAWN: &str = "questionnaire.withdrawn";

impl Talk<'_> {
    /// Tells other plugins that the caller answers a named consultation, and whether that is all of it.
    pub fn note_answered(&mut self, complete: bool) {
        self.note(ANSWERED, json!({ "complete": complete }));
    }

    pub fn note_withdrawn(&mut self) {
        self.note(WITHDRAWN, json!({}));
    }

    fn note(&mut self, topic: &str, details: serde_json::Value) {
        if self.consultation.definition.anonymity == Anonymity::Named {
            let (subject, contact) = (self.consultation.slug().to_owned(), Some(self.caller.contact));
            self.cx.note(Note { topic: topic.to_owned(), subject, contact, details });
        }
    }
}

/// What one person answered to a named consultation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedAnswers {
    /// `None`: the person is erased.
    pub contact: Option<ContactId>,
    pub answers: Answers,
    /// When they agreed that their answers are recorded under their name, just before the first question.
    pub started_at: DateTime<Utc>,
    /// When they cast their ballot; `None` for answers given so far.
    pub finished_at: Option<DateTime<Utc>>,
    /// Questions they went through.
    pub reached: usize,
}

/// The answers to a named consultation with their authors: ballots by the time they were cast, then what was begun.
/// What is begun goes with the closing.
///
/// # Errors
/// [`Refusal::Unknown`], and [`Refusal::Anonymous`] for a consultation whose ballots nobody may read with their author.
pub async fn named_answers(cx: &mut Context, name: &str) -> Result<(Definition, Vec<NamedAnswers>), OperationError> {
    let consultation = operations::show(cx, name).await?;
    if consultation.is_anonymous() {
        return Err(Refusal::Anonymous.into());
    }
    let organisation = cx.organisation.id;
    let ballots = sqlx::query!(
        r#"
        SELECT contact_id, answers AS "answers: Json<Answers>", consented_at, cast_at
        FROM micro_consultations.named_ballot
        WHERE organisation_id = $1 AND consultation_id = $2 ORDER BY cast_at, entry_id
        "#,
        organisation.0,
        consultation.id.0,
    )
    .fetch_all(cx.sql())
    .await
    .map_err(HandlerError::from)?;
    // Whoever changes their ballot has a draft as well: the ballot counts until the change is cast.
    let drafts = sqlx::query!(
        r#"
        SELECT draft.contact_id, draft.answers AS "answers: Json<Answers>", draft.position,
               draft.consented_at AS "consented_at!"
        FROM micro_consultations.draft
        WHERE draft.organisation_id = $1 AND draft.consultation_id = $2 AND draft.version = $3
          AND draft.consented_at IS NOT NULL
          AND NOT EXISTS (
              SELECT FROM micro_consultations.named_ballot AS named
              WHERE named.organisation_id = draft.organisation_id AND named.consultation_id = draft.consultation_id
                AND named.contact_id = draft.contact_id)
        ORDER BY draft.consented_at, draft.contact_id
        "#,
        organisation.0,
        consultation.id.0,
        consultation.version,
    )
    .fetch_all(cx.sql())
    .await
    .map_err(HandlerError::from)?;
    let questions = consultation.definition.questions.len();
    let ballots = ballots.into_iter().map(|row| NamedAnswers {
        contact: row.contact_id.map(ContactId),
        answers: row.answers.0,
        started_at: row.consented_at,
        finished_at: Some(row.cast_at),
        reached: questions,
    });
    let drafts = drafts.into_iter().map(|row| NamedAnswers {
        contact: Some(ContactId(row.contact_id)),
        answers: row.answers.0,
        started_at: row.consented_at,
        finished_at: None,
        reached: usize::try_from(row.position).unwrap_or_default(),
    });
    let all = ballots.chain(drafts.filter(|begun| !begun.answers.is_empty())).collect();
    Ok((consultation.definition, all))
}

#[cfg(test)]
mod tests {
    use bot_core::adapter::Assurance;
    use bot_core::plugin::{Effect, Event, Plugin};

    use super::*;
    use crate::answer::Answer;
    use crate::bench::{Citizen, MARKET, Town};

    fn questionnaire() -> String {
        let named = MARKET.replace("anonymity = \"anonymous\"", "anonymity = \"named\"");
        format!("{named}\n[[questions]]\nkind = \"free_text\"\ntext = \"Pourquoi ?\"\n")
    }

    /// What was told, as `topic complete`.
    fn told(citizen: &Citizen<'_>) -> Vec<String> {
        let notes = citizen.effects.iter().filter_map(|effect| match effect {
            Effect::Note(note) if note.contact == Some(citizen.caller.contact) => {
                assert_eq!(note.subject, "place-du-marche");
                let complete = note.details.get("complete").map(|complete| format!(" {complete}"));
                Some(format!("{}{}", note.topic, complete.unwrap_or_default()))
            }
            _ => None,
        });
        notes.collect()
    }

    async fn answers(town: &Town) -> Vec<NamedAnswers> {
        town.operator(async |cx| Ok(named_answers(cx, "place-du-marche").await.unwrap().1)).await.0
    }

    #[tokio::test]
    async fn the_first_answer_and_the_ballot_are_told_and_nothing_in_between() {
        let town = Town::new(701).await;
        town.opens(&questionnaire()).await;
        let mut ana = Citizen::new(&town, town.bench.somebody(Assurance::Session));
        ana.sends("repondre place-du-marche").await;
        assert_eq!(told(&ana), [""; 0]);
        ana.taps("J’accepte").await;
        assert_eq!(told(&ana), [""; 0], "who agrees has not answered yet");
        ana.taps("Jardin").await;
        assert_eq!(told(&ana), ["questionnaire.answered false"]);
        ana.writes("pour l’ombre").await;
        assert_eq!(told(&ana), [""; 0]);
        assert_eq!(answers(&town).await.len(), 1);
        assert_eq!(answers(&town).await[0].finished_at, None);
        ana.taps("Déposer").await;
        assert_eq!(told(&ana), ["questionnaire.answered true"]);
        assert!(answers(&town).await[0].finished_at.is_some());
        ana.taps("Retirer").await;
        ana.taps("Oui").await;
        assert_eq!(told(&ana), ["questionnaire.withdrawn"]);
        assert_eq!(answers(&town).await, []);
    }

    #[tokio::test]
    async fn of_an_anonymous_consultation_nothing_is_told_and_nothing_read() {
        let town = Town::new(702).await;
        town.opens(MARKET).await;
        let mut ana = town.citizen();
        ana.sends("repondre place-du-marche").await;
        ana.taps("Jardin").await;
        assert_eq!(told(&ana), [""; 0]);
        ana.taps("Déposer").await;
        assert_eq!(told(&ana), [""; 0]);
        let refused =
            town.operator(async |cx| Ok(named_answers(cx, "place-du-marche").await.unwrap_err().to_string())).await.0;
        assert_eq!(refused, "This consultation is anonymous: nobody reads its ballots with their authors.");
    }

    #[tokio::test]
    async fn what_was_begun_in_a_browser_is_finished_on_the_telephone() {
        let town = Town::new(703).await;
        town.opens(&questionnaire()).await;
        let (mut phone, mut browser) = (town.citizen(), town.citizen());
        browser.sends("repondre place-du-marche").await;
        browser.taps("J’accepte").await;
        browser.taps("Parking").await;
        let event = Event::ContactsMerged {
            kept: phone.caller.contact,
            joiner: browser.caller.contact,
            kept_addresses: phone.caller.addresses.clone(),
            joiner_addresses: browser.caller.addresses.clone(),
        };
        town.operator(async |cx| town.plugin.on_event(cx, &event).await).await;
        phone.caller.addresses.extend(browser.caller.addresses.clone());
        phone.sends("repondre place-du-marche").await;
        assert!(phone.reads().contains("Pourquoi ?"), "{}", phone.reads());
        phone.writes("il en manque").await;
        phone.taps("Déposer").await;
        assert_eq!(told(&phone), ["questionnaire.answered true"]);
        let all = answers(&town).await;
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].contact, Some(phone.caller.contact));
        let given = [Some(Answer::Single(2)), Some(Answer::Text("il en manque".to_owned()))];
        assert_eq!(all[0].answers.0, given);
    }
}
