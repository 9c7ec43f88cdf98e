//! What other plugins are told of consultations: that one opened, that its closing moved, that it closed and what came of
//! it. Nothing of a consultation that is under way, and after the closing what anybody may read on its page.

use bot_core::Wording;
use bot_core::plugin::{Context, HandlerError, HandlerResult, Note};
use serde_json::{Value, json};

use crate::definition::Question;
use crate::results::{self, Counts, Viewer};
use crate::store::{Consultation, State};
use crate::tally::QuestionTally;

/// Answers that are named where several lead.
const LEADERS_MAX: usize = 3;

/// Told when a consultation opens.
pub(crate) fn opened(cx: &mut Context, consultation: &Consultation) {
    tell(cx, "consultation.opened", consultation, json!({}));
}

/// Told when its closing moves.
pub(crate) fn changed(cx: &mut Context, consultation: &Consultation) {
    tell(cx, "consultation.changed", consultation, json!({}));
}

/// Told when it has closed, with the results that anybody may see.
pub(crate) async fn closed(cx: &mut Context, consultation: &Consultation) -> HandlerResult {
    let details = outcome(cx, consultation).await?;
    tell(cx, "consultation.closed", consultation, details);
    Ok(())
}

async fn outcome(cx: &mut Context, consultation: &Consultation) -> Result<Value, HandlerError> {
    if consultation.state != State::Closed {
        return Err(HandlerError::Broken(format!("consultation {} is told as closed and is not", consultation.id)));
    }
    let organisation = cx.organisation.id;
    let results = results::read(cx.sql(), organisation, consultation, Viewer::Public).await?;
    let mut leading = Vec::new();
    if let Counts::Shown { tally, .. } = &results.counts {
        for (question, counted) in consultation.definition.questions.iter().zip(&tally.questions) {
            if let Some((answer, votes)) = leader(question, counted) {
                leading.push(json!({
                    "question": question.text, "answer": answer, "votes": votes, "ballots": counted.answered,
                }));
            }
        }
    }
    Ok(json!({ "ballots": results.ballots(), "results": leading }))
}

/// The answer most often given; several with a slash between them. None where nobody answered, where the answers are
/// texts, or where more than [`LEADERS_MAX`] are level.
fn leader(question: &Question, counted: &QuestionTally) -> Option<(Wording, u64)> {
    let votes = counted.counts.iter().copied().max().filter(|votes| *votes > 0)?;
    let labels = question.kind.labels().iter().zip(&counted.counts);
    let leaders: Vec<&Wording> = labels.filter(|(_, count)| **count == votes).map(|(label, _)| label).collect();
    if leaders.is_empty() || leaders.len() > LEADERS_MAX {
        return None;
    }
    let fr = leaders.iter().map(|label| label.fr.as_str()).collect::<Vec<_>>().join(" / ");
    let en: Option<Vec<&str>> = leaders.iter().map(|label| label.en.as_deref()).collect();
    Some((Wording { fr, en: en.map(|labels| labels.join(" / ")) }, votes))
}

fn tell(cx: &mut Context, topic: &str, consultation: &Consultation, mut details: Value) {
    details["title"] = json!(consultation.definition.title);
    details["opens_at"] = json!(consultation.opens_at);
    details["closes_at"] = json!(consultation.closes_at);
    details["closed_at"] = json!(consultation.closed_at);
    let subject = consultation.slug().to_owned();
    cx.note(Note { topic: topic.to_owned(), subject, contact: None, details });
}

#[cfg(test)]
mod tests {
    use bot_core::plugin::{Effect, FiredFire, Plugin as _};

    use super::*;
    use crate::bench::{MARKET, Town};
    use crate::operations;

    fn told(effects: &[Effect]) -> Vec<(String, Value)> {
        let notes = effects.iter().filter_map(|effect| match effect {
            Effect::Note(note) if note.topic.starts_with("consultation.") => Some(note.clone()),
            _ => None,
        });
        notes.map(|note| (format!("{} {}", note.topic, note.subject), note.details)).collect()
    }

    async fn votes(town: &Town, option: &str) -> Vec<Effect> {
        let mut citizen = town.citizen();
        citizen.sends("consultations").await;
        citizen.taps("Répondre").await;
        citizen.taps(option).await;
        citizen.taps("Déposer").await;
        citizen.effects.clone()
    }

    #[tokio::test]
    async fn an_opening_a_later_closing_and_the_results_are_told() {
        let town = Town::new(301).await;
        let created = town
            .operator(async |cx| Ok(operations::create(cx, crate::bench::definition(MARKET)).await.unwrap()))
            .await
            .0;
        let id = created.id;
        let (opened, effects) = town.operator(async |cx| Ok(operations::open(cx, id).await.unwrap())).await;
        let [(topic, details)] = told(&effects).try_into().unwrap();
        assert_eq!(topic, "consultation.opened place-du-marche");
        assert_eq!(details["title"]["fr"], "La place du marché");
        assert_eq!(details["closes_at"], json!(opened.closes_at));
        let effects = town.operator(async |cx| Ok(operations::extend(cx, id, 2).await.unwrap())).await.1;
        assert_eq!(told(&effects)[0].0, "consultation.changed place-du-marche");
        for option in ["Jardin", "Jardin", "Jardin", "Parking", "Parking"] {
            votes(&town, option).await;
        }
        let effects = town.operator(async |cx| Ok(operations::close(cx, id).await.unwrap())).await.1;
        let [(topic, details)] = told(&effects).try_into().unwrap();
        assert_eq!(topic, "consultation.closed place-du-marche");
        assert_eq!(details["ballots"], 5);
        let expected = json!([{
            "question": { "fr": "Que faire de la place ?" }, "answer": { "fr": "Jardin" }, "votes": 3, "ballots": 5,
        }]);
        assert_eq!(details["results"], expected);
    }

    /// Of an anonymous consultation nothing is told while ballots are cast, and no counts that few ballots have.
    #[tokio::test]
    async fn few_ballots_are_told_without_results() {
        let town = Town::new(302).await;
        let consultation = town.opens(MARKET).await;
        assert_eq!(told(&votes(&town, "Jardin").await), []);
        town.bench.clock.set(consultation.closes_at.unwrap());
        let fire = FiredFire {
            scope: format!("closing:{}:{}", consultation.id, consultation.schedule_version),
            subject: String::new(),
            due_at: consultation.closes_at.unwrap(),
            payload: json!({}),
        };
        let effects = town.operator(async |cx| town.plugin.on_fire(cx, &fire).await).await.1;
        let [(_, details)] = told(&effects).try_into().unwrap();
        assert_eq!((&details["ballots"], &details["results"]), (&json!(1), &json!([])));
        assert_eq!(details["closed_at"], json!(consultation.closes_at));
    }

    #[test]
    fn what_is_level_is_named_together() {
        let question = |options: &[&str]| Question {
            text: Wording::french("Quoi ?"),
            optional: false,
            kind: crate::definition::QuestionKind::Single {
                options: options.iter().map(|option| Wording::french(*option)).collect(),
            },
        };
        let leads = |counts: &[u64]| {
            let tally = QuestionTally { answered: 9, counts: counts.to_vec() };
            leader(&question(&["A", "B", "C", "D"]), &tally).map(|(answer, votes)| (answer.fr, votes))
        };
        assert_eq!(leads(&[1, 3, 2, 0]), Some(("B".to_owned(), 3)));
        assert_eq!(leads(&[3, 3, 2, 0]), Some(("A / B".to_owned(), 3)));
        assert_eq!(leads(&[2, 2, 2, 2]), None);
        assert_eq!(leads(&[0, 0, 0, 0]), None);
    }
}
