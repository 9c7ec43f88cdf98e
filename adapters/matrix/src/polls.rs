//! Native polls: closing them, and counting what people answered. The homeserver counts nothing and enforces nothing:
//! who voted what is worked out here from all that was said, by the rules of MSC3381.

use bot_core::adapter::{ConversationRef, PollCounts, RemoteIds, Verdict};
use matrix_sdk::Room;
use matrix_sdk::room::{IncludeRelations, RelationsOptions};
use matrix_sdk::ruma::api::Direction;
use matrix_sdk::ruma::events::relation::RelationType;
use matrix_sdk::ruma::{EventId, OwnedEventId, UInt};
use serde_json::{Value, json};

use crate::Matrix;
use crate::meaning::Meaning;
use crate::verdict::Failure;

/// Answers of one page; a poll of a whole town takes several.
const PAGE: u32 = 100;

/// A poll of ours, as far as counting needs it. Its answers' ids are `"1"`, `"2"`, ...
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PollShape {
    pub options: u16,
    pub selections_max: usize,
}

/// What one person said in a poll, at a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Response {
    pub sender: String,
    pub at_milliseconds: u64,
    pub answers: Vec<String>,
}

/// All that was said about a poll.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Responses {
    pub responses: Vec<Response>,
    /// When it was closed, by the first who might.
    pub ended_at_milliseconds: Option<u64>,
    /// Answers whose keys are missing.
    pub sealed: usize,
}

impl PollShape {
    /// From the poll's event.
    pub(crate) fn of(event: &Value) -> Option<Self> {
        let start = &event["content"]["org.matrix.msc3381.poll.start"];
        let options = u16::try_from(start["answers"].as_array()?.len()).ok()?;
        let selections_max = start["max_selections"].as_u64().and_then(|max| usize::try_from(max).ok()).unwrap_or(1);
        Some(Self { options, selections_max })
    }

    /// The options chosen, from 0; nothing where one is unknown, which spoils the whole answer.
    pub(crate) fn options_of(self, answers: &[String]) -> Vec<u16> {
        let option = |answer: &String| {
            let number = answer.parse::<u16>().ok().filter(|number| (1..=self.options).contains(number));
            number.filter(|number| number.to_string() == *answer).map(|number| number - 1)
        };
        let chosen: Option<Vec<u16>> = answers.iter().take(self.selections_max).map(option).collect();
        let mut chosen = chosen.unwrap_or_default();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }

    /// Counts the last answer of each person, in time.
    pub(crate) fn count(self, responses: &Responses) -> PollCounts {
        let in_time =
            |response: &&Response| responses.ended_at_milliseconds.is_none_or(|end| response.at_milliseconds <= end);
        let mut last = std::collections::BTreeMap::<&str, &Response>::new();
        for response in responses.responses.iter().filter(in_time) {
            let held = last.entry(&response.sender).or_insert(response);
            if response.at_milliseconds >= held.at_milliseconds {
                *held = response;
            }
        }
        let mut counts = PollCounts { options: vec![0; usize::from(self.options)], voters: Some(0) };
        for response in last.values() {
            let chosen = self.options_of(&response.answers);
            for option in &chosen {
                counts.options[usize::from(*option)] += 1;
            }
            counts.voters = counts.voters.map(|voters| voters + u32::from(!chosen.is_empty()));
        }
        counts
    }
}

impl Matrix {
    pub(crate) async fn end_poll(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<PollCounts> {
        let (room, poll) = match (self.room(conversation), event_id(sent)) {
            (Ok(room), Some(poll)) => (room, poll),
            (Err(verdict), _) => return verdict.cast(),
            (_, None) => return Verdict::Rejected { reason: "there is no such poll".into() },
        };
        match self.close_and_count(&room, &poll).await {
            Ok(Some(counts)) => Verdict::Sent(counts),
            Ok(None) => Verdict::Rejected { reason: "the message is no poll, or no longer there".into() },
            Err(failure) => failure.in_room(),
        }
    }

    async fn close_and_count(&self, room: &Room, poll: &EventId) -> Result<Option<PollCounts>, Failure> {
        let event = match self.fetch(room, poll).await {
            Ok(event) => event,
            Err(Failure::NotFound) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let Some(shape) = PollShape::of(&event) else { return Ok(None) };
        let mut responses = self.responses(room, poll).await?;
        if responses.ended_at_milliseconds.is_none() {
            let content = json!({
                "m.relates_to": { "rel_type": "m.reference", "event_id": poll.as_str() },
                "org.matrix.msc3381.poll.end": {},
                "org.matrix.msc1767.text": "■",
                "m.mentions": {},
            });
            self.put_event(room, "org.matrix.msc3381.poll.end", &content, &format!("end{}", poll.as_str())).await?;
            // What was said until just now counts, too.
            responses = self.responses(room, poll).await?;
        }
        if responses.sealed > 0 {
            tracing::warn!("{} answers of a poll could not be read, and are not counted", responses.sealed);
        }
        Ok(Some(shape.count(&responses)))
    }

    /// What `sender` says in a poll now, once an answer of theirs was taken back.
    pub(crate) async fn answer_left(&self, room: &Room, poll: &EventId, sender: &str) -> Result<Vec<String>, Failure> {
        let mut responses = self.responses(room, poll).await?.responses;
        responses.retain(|response| response.sender == sender);
        let last = responses.into_iter().max_by_key(|response| response.at_milliseconds);
        Ok(last.map(|response| response.answers).unwrap_or_default())
    }

    async fn responses(&self, room: &Room, poll: &EventId) -> Result<Responses, Failure> {
        let mut found = Responses::default();
        let mut from = None;
        loop {
            let options = RelationsOptions {
                from: from.clone(),
                dir: Direction::Forward,
                limit: Some(UInt::from(PAGE)),
                include_relations: IncludeRelations::RelationsOfType(RelationType::Reference),
                recurse: false,
            };
            let page = room.relations(OwnedEventId::from(poll), options).await.map_err(|error| self.failure(&error))?;
            for event in &page.chunk {
                let event: Value = serde_json::from_str(event.raw().json().get()).unwrap_or_default();
                found.hear(&event, room.own_user_id().as_str());
            }
            match page.next_batch_token {
                Some(next) if from.as_ref() != Some(&next) => from = Some(next),
                _ => return Ok(found),
            }
        }
    }
}

impl Responses {
    /// Only an end of our own closes a poll of ours: others may write one, and it counts for nothing.
    fn hear(&mut self, event: &Value, own: &str) {
        let (Some(sender), Some(at)) = (event["sender"].as_str(), event["origin_server_ts"].as_u64()) else { return };
        match Meaning::of(event) {
            Meaning::PollResponse { answers, .. } => {
                self.responses.push(Response { sender: sender.to_owned(), at_milliseconds: at, answers });
            }
            Meaning::PollEnd { .. } if sender == own => {
                let first = self.ended_at_milliseconds.map_or(at, |before| before.min(at));
                self.ended_at_milliseconds = Some(first);
            }
            Meaning::Sealed => self.sealed += 1,
            _ => {}
        }
    }
}

pub(crate) fn event_id(sent: &RemoteIds) -> Option<OwnedEventId> {
    EventId::parse(sent.0.first()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINGLE: PollShape = PollShape { options: 3, selections_max: 1 };

    fn response(sender: &str, at: u64, answers: &[&str]) -> Response {
        let answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
        Response { sender: sender.into(), at_milliseconds: at, answers }
    }

    fn counted(shape: PollShape, end: Option<u64>, responses: Vec<Response>) -> (Vec<u32>, Option<u32>) {
        let counts = shape.count(&Responses { responses, ended_at_milliseconds: end, sealed: 0 });
        (counts.options, counts.voters)
    }

    #[test]
    fn the_last_answer_in_time_counts() {
        let said = vec![
            response("@a:b", 10, &["1"]),
            response("@a:b", 30, &["2"]),
            // Federation delivers late: the time counts, not the order of arrival.
            response("@a:b", 20, &["3"]),
            response("@c:b", 15, &["1"]),
            response("@c:b", 50, &["3"]),
        ];
        assert_eq!(counted(SINGLE, Some(40), said.clone()), (vec![1, 1, 0], Some(2)));
        assert_eq!(counted(SINGLE, None, said), (vec![0, 1, 1], Some(2)));
    }

    #[test]
    fn a_spoiled_or_empty_answer_counts_for_nothing_and_still_replaces() {
        let said = vec![response("@a:b", 10, &["1"]), response("@a:b", 20, &["7"]), response("@c:b", 20, &[])];
        assert_eq!(counted(SINGLE, None, said), (vec![0, 0, 0], Some(0)));
        assert_eq!(SINGLE.options_of(&["01".into()]), Vec::<u16>::new(), "another spelling is another answer");
    }

    #[test]
    fn too_many_selections_are_cut_and_doubles_count_once() {
        assert_eq!(SINGLE.options_of(&["2".into(), "3".into()]), [1]);
        let several = PollShape { options: 3, selections_max: 3 };
        let said = vec![response("@a:b", 10, &["3", "1", "1"])];
        assert_eq!(counted(several, None, said), (vec![1, 0, 1], Some(1)));
    }

    #[test]
    fn nobody_else_ends_our_poll() {
        let end = |sender: &str, at: u64| {
            json!({ "type": "org.matrix.msc3381.poll.end", "sender": sender, "origin_server_ts": at,
                    "content": { "m.relates_to": { "rel_type": "m.reference", "event_id": "$poll" } } })
        };
        let mut responses = Responses::default();
        responses.hear(&end("@a:b", 10), "@crieur:b");
        assert_eq!(responses.ended_at_milliseconds, None);
        responses.hear(&end("@crieur:b", 30), "@crieur:b");
        responses.hear(&end("@crieur:b", 20), "@crieur:b");
        assert_eq!(responses.ended_at_milliseconds, Some(20));
    }
}
