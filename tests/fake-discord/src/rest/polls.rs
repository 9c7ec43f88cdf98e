//! Polls: closed, and their voters listed.

use serde_json::{Value, json};

use super::{Asked, Reply};
use crate::model::{Poll, User};
use crate::world::World;

impl World {
    pub(super) fn expire_poll(&mut self, channel: &str, message: &str) -> Reply {
        let (channel, message) = match self.find_message(channel, message) {
            Ok(found) => found,
            Err(refused) => return refused,
        };
        let now = self.now_millis;
        let Some(poll) = self.message_mut(channel, message).and_then(|message| message.poll.as_mut()) else {
            return Reply::refused(400, 520_006, "Cannot expire a non-poll message");
        };
        if poll.closed || poll.expires_millis <= now {
            poll.closed = true;
            return Reply::refused(400, 520_001, "Poll expired");
        }
        poll.closed = true;
        let closed = self.message(channel, message).cloned();
        Reply::ok(closed.map(|message| self.message_json(&message)).unwrap_or_default())
    }

    pub(super) fn list_voters(&self, channel: &str, message: &str, answer: &str, asked: &Asked) -> Reply {
        let (channel, message) = match self.find_message(channel, message) {
            Ok(found) => found,
            Err(refused) => return refused,
        };
        let poll = self.message(channel, message).and_then(|message| message.poll.as_ref());
        let index = answer.parse().ok().and_then(Poll::index_of);
        let (Some(poll), Some(index)) = (poll, index) else {
            return Reply::refused(404, 10114, "Unknown poll answer");
        };
        let (after, limit) = (asked.number("after").unwrap_or_default(), asked.number("limit").unwrap_or(25));
        let voters = poll.votes.iter().filter(|(voter, answer)| *answer == index && *voter > after);
        let mut voters: Vec<u64> = voters.map(|(voter, _)| *voter).collect();
        voters.sort_unstable();
        voters.truncate(usize::try_from(limit.min(100)).unwrap());
        let users: Vec<Value> = voters.iter().filter_map(|voter| self.users.get(voter).map(User::json)).collect();
        Reply::ok(json!({ "users": users }))
    }
}
