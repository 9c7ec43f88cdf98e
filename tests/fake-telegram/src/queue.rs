//! The bot's updates: kept for a while, handed out in order, confirmed by asking for a later one.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

/// How long an update waits (tdlib/telegram-bot-api, Client.cpp `add_update`).
const PRESS_LIVES: Duration = Duration::from_secs(150);
const OTHERS_LIVE: Duration = Duration::from_secs(86_400);
/// What is not sent unless it is asked for (Bot API: getUpdates).
const UNASKED: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub id: i64,
    kind: String,
    content: Value,
    /// Updates of one chat, person or poll are delivered one after the other.
    pub order: String,
    expires: Duration,
    /// For the webhook: not before this, and how often it was tried.
    pub not_before: Duration,
    pub tries: u32,
    pub on_its_way: bool,
}

#[derive(Debug)]
pub(crate) struct Queue {
    pub waiting: VecDeque<Waiting>,
    next_id: i64,
    /// Sticky: `None` until the bot has said what it wants.
    pub allowed: Option<Vec<String>>,
    /// Which long poll holds the queue.
    pub poller: u64,
    last_question: Option<(Option<i64>, Duration)>,
    last: Option<(String, Value, String)>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), next_id: 500_000, allowed: None, poller: 0, last_question: None, last: None }
    }
}

impl Waiting {
    pub(crate) fn update(&self) -> Value {
        json!({ "update_id": self.id, self.kind.as_str(): self.content })
    }
}

impl Queue {
    pub(crate) fn push(&mut self, kind: &str, content: Value, order: &str, now: Duration) {
        let wanted = match &self.allowed {
            Some(allowed) if !allowed.is_empty() => allowed.iter().any(|allowed| allowed == kind),
            _ => !UNASKED.contains(&kind),
        };
        self.last = Some((kind.to_owned(), content.clone(), order.to_owned()));
        if !wanted {
            return;
        }
        let lives = if kind == "callback_query" { PRESS_LIVES } else { OTHERS_LIVE };
        self.waiting.push_back(Waiting {
            id: self.next_id,
            kind: kind.to_owned(),
            content,
            order: order.to_owned(),
            expires: now + lives,
            not_before: now,
            tries: 0,
            on_its_way: false,
        });
        self.next_id += 1;
    }

    /// Offers the last update once more, as after a restart of the server.
    pub(crate) fn repeat_last(&mut self, now: Duration) {
        if let Some((kind, content, order)) = self.last.clone() {
            self.push(&kind, content, &order, now);
        }
    }

    /// Numbers go on from anywhere, as after a week without updates.
    pub(crate) fn jump(&mut self, to: i64) {
        self.next_id = to;
    }

    pub(crate) fn expire(&mut self, now: Duration) {
        self.waiting.retain(|update| update.expires > now);
    }

    /// Confirms what `offset` confirms. An offset that cannot be right is passed over, as the real queue does
    /// (td, TQueue: more than 10 past the end).
    pub(crate) fn confirm(&mut self, offset: Option<i64>) {
        match offset {
            None | Some(0) => {}
            Some(back) if back < 0 => {
                let keep = usize::try_from(-back).unwrap_or(usize::MAX);
                let surplus = self.waiting.len().saturating_sub(keep);
                self.waiting.drain(..surplus);
            }
            Some(offset) => {
                if offset <= self.next_id + 10 {
                    self.waiting.retain(|update| update.id >= offset);
                }
            }
        }
    }

    /// How much the real server hands out, and for how long it waits: it slows down who asks the same again
    /// (Client.cpp: the same offset within 3 s waits 3 s at most, within 0.5 s gets one update).
    pub(crate) fn slowed_down(
        &mut self,
        offset: Option<i64>,
        limit: usize,
        timeout: Duration,
        now: Duration,
    ) -> (usize, Duration) {
        let since = self.last_question.filter(|(asked, _)| *asked == offset).map(|(_, at)| now.saturating_sub(at));
        self.last_question = Some((offset, now));
        match since {
            Some(since) if since < Duration::from_millis(500) => (1, timeout.min(Duration::from_secs(3))),
            Some(since) if since < Duration::from_secs(3) => (limit, timeout.min(Duration::from_secs(3))),
            _ => (limit, timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn queue(count: usize) -> Queue {
        let mut queue = Queue::default();
        for number in 0..count {
            queue.push("message", json!(number), "chat", NOW);
        }
        queue
    }

    fn ids(queue: &Queue) -> Vec<i64> {
        queue.waiting.iter().map(|update| update.id).collect()
    }

    #[test]
    fn only_a_later_question_confirms() {
        let mut queue = queue(3);
        queue.confirm(None);
        queue.confirm(Some(500_001));
        assert_eq!(ids(&queue), [500_001, 500_002]);
        queue.confirm(Some(-1));
        assert_eq!(ids(&queue), [500_002]);
        queue.confirm(Some(500_003));
        queue.jump(7);
        queue.push("message", json!(3), "chat", NOW);
        queue.confirm(Some(500_003));
        assert_eq!(ids(&queue), [7], "an offset beyond the end confirms nothing of the new row");
    }

    #[test]
    fn a_press_lives_shorter_than_a_message() {
        let mut queue = queue(1);
        queue.push("callback_query", json!({}), "chat", NOW);
        queue.expire(NOW + Duration::from_secs(149));
        assert_eq!(queue.waiting.len(), 2);
        queue.expire(NOW + Duration::from_secs(150));
        assert_eq!(ids(&queue), [500_000]);
        queue.expire(NOW + Duration::from_secs(86_400));
        assert!(queue.waiting.is_empty());
    }

    #[test]
    fn what_was_asked_for_once_stays_asked_for() {
        let mut queue = Queue { allowed: Some(vec!["message".into()]), ..Queue::default() };
        queue.push("poll", json!({}), "poll", NOW);
        assert!(queue.waiting.is_empty());
        queue.allowed = None;
        queue.push("poll", json!({}), "poll", NOW);
        queue.push("chat_member", json!({}), "chat", NOW);
        assert_eq!(queue.waiting.len(), 1);
    }

    #[test]
    fn who_asks_the_same_again_is_slowed_down() {
        let mut queue = queue(0);
        let minute = Duration::from_secs(50);
        let ask =
            |queue: &mut Queue, millis: u64| queue.slowed_down(None, 100, minute, NOW + Duration::from_millis(millis));
        assert_eq!(ask(&mut queue, 0), (100, minute));
        assert_eq!(ask(&mut queue, 400), (1, Duration::from_secs(3)));
        assert_eq!(ask(&mut queue, 2000), (100, Duration::from_secs(3)));
        assert_eq!(ask(&mut queue, 9000), (100, minute));
    }
}
