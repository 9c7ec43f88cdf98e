//! Native polls: anonymous, for a pulse. Telegram says how each stands after every vote, and once more when it is
//! closed; there is no call to ask for it.

use bot_core::adapter::{PollCounts, Verdict};
use bot_core::message::Poll;
use bot_core::store::account_state::{StateEntry, StateError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use teloxide::payloads::{SendPoll, SendPollSetters, StopPoll};
use teloxide::types::{InputPollOption, MessageId};

use crate::api::Failure;
use crate::chat::ChatRef;
use crate::refusal::Refusal;
use crate::{Bot, Telegram, update};

/// How a poll stood when Telegram last said so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Counts {
    options: Vec<u32>,
    voters: u32,
    closed: bool,
}

impl Counts {
    pub(crate) fn of(poll: &update::Poll) -> Self {
        let options = poll.options.iter().map(|option| option.voter_count).collect();
        Self { options, voters: poll.total_voter_count, closed: poll.is_closed }
    }

    fn entry(&self, poll_id: &str) -> StateEntry {
        StateEntry::new(key(poll_id), json!(self))
    }

    fn counted(self) -> PollCounts {
        PollCounts { options: self.options, voters: Some(self.voters) }
    }
}

fn key(poll_id: &str) -> String {
    // A key holds 300 bytes; Telegram's numbers are short.
    format!("poll/{}", poll_id.chars().take(64).collect::<String>())
}

pub(crate) fn payload(chat: ChatRef, poll: &Poll) -> SendPoll {
    let options = poll.options.iter().map(|option| InputPollOption::new(option.as_str()));
    let payload = SendPoll::new(chat.recipient(), poll.question.as_str(), options)
        .is_anonymous(true)
        .allows_multiple_answers(poll.multiple);
    SendPoll { message_thread_id: chat.thread_id(), ..payload }
}

impl Telegram {
    /// Keeps how polls stood. What was on its way while a poll was closed does not open it again.
    pub(crate) async fn keep_counts(&self, polls: Vec<(String, Counts)>) -> Result<(), StateError> {
        let mut entries: Vec<StateEntry> = Vec::new();
        for (poll_id, counts) in polls {
            let entry = counts.entry(&poll_id);
            if !counts.closed && self.known_counts(&poll_id).await?.is_some_and(|known| known.closed) {
                continue;
            }
            entries.retain(|earlier| earlier.key != entry.key);
            entries.push(entry);
        }
        if entries.is_empty() { Ok(()) } else { self.context.state.put(&entries).await }
    }

    async fn known_counts(&self, poll_id: &str) -> Result<Option<Counts>, StateError> {
        let known = self.context.state.get(&key(poll_id)).await?;
        Ok(known.and_then(|value| serde_json::from_value(value).ok()))
    }

    /// `poll_id` is kept beside the message's number when the poll is sent.
    pub(crate) async fn close(
        &self,
        bot: &Bot,
        chat: ChatRef,
        message: MessageId,
        poll_id: Option<&str>,
    ) -> Verdict<PollCounts> {
        match bot.api.call(&StopPoll::new(chat.recipient(), message)).await {
            Ok(answer) => match serde_json::from_value::<update::Poll>(answer) {
                Ok(poll) => {
                    let counts = Counts::of(&poll);
                    // Should this answer get lost on its way to the outbox, the next call finds it.
                    if self.context.state.put(&[counts.entry(&poll.id)]).await.is_err() {
                        tracing::warn!("the counts of a closed poll could not be kept for a second question");
                    }
                    Verdict::Sent(counts.counted())
                }
                Err(_) => Failure::NoAnswer("Telegram closed the poll, but its counts cannot be read").verdict(None),
            },
            Err(failure) if failure.refusal() == Some(Refusal::PollClosed) => self.last_counts(poll_id).await,
            Err(failure) => failure.verdict(Some(chat)),
        }
    }

    async fn last_counts(&self, poll_id: Option<&str>) -> Verdict<PollCounts> {
        let known = match poll_id {
            Some(poll_id) => self.known_counts(poll_id).await,
            None => Ok(None),
        };
        match known {
            Ok(Some(counts)) => Verdict::Sent(counts.counted()),
            Ok(None) => Verdict::Rejected {
                reason: "the poll was closed before, and Telegram never told its counts to this service".to_owned(),
            },
            Err(error) => Verdict::Retry { reason: error.to_string() },
        }
    }
}
