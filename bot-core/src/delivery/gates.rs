//! Pacing: token buckets for the limits a platform states, and closed doors for the ones it tells us by a 429.
//!
//! Buckets live in memory, since one process at a time sends for an account. They start full of nothing but the
//! reserve after a restart, so that restarting does not double a burst. Doors closed by a platform are rows.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::adapter::{ConversationKind, GateScope, Pacing, Rate};
use crate::ids::ConversationId;
use crate::plugin::Lane;

/// A bucket that nobody has drawn from for this long is as good as full, and forgotten.
const BUCKETS_KEPT_MAX: usize = 10_000;

/// Within this time a second throttle from another conversation bars the whole account.
const PROMOTION_WINDOW: TimeDelta = TimeDelta::seconds(30);

/// The pacing of one account.
#[derive(Debug)]
pub struct Gates {
    pacing: Pacing,
    account: Option<Bucket>,
    opening: Option<Bucket>,
    conversations: HashMap<ConversationId, Bucket>,
    /// The latest throttle that named no scope.
    last_unscoped: Option<(ConversationId, DateTime<Utc>)>,
}

/// Tokens left at a moment, counted in time: the bucket is full when `full_at` has passed.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    rate: Rate,
    full_at: DateTime<Utc>,
}

impl Bucket {
    fn new(rate: Rate, now: DateTime<Utc>, tokens: u32) -> Self {
        let missing = rate.burst.saturating_sub(tokens);
        Self { rate, full_at: now + rate.interval * i32::try_from(missing).unwrap_or(i32::MAX) }
    }

    /// When a call may go that leaves `reserve` tokens untouched: now, or later.
    fn opens_at(&self, reserve: u32) -> DateTime<Utc> {
        // Full, there are this many tokens above the reserve; each missing one takes an interval to come back.
        let usable = self.rate.burst.saturating_sub(reserve).max(1);
        self.full_at - self.rate.interval * i32::try_from(usable - 1).unwrap_or(i32::MAX)
    }

    /// Whole tokens above the reserve.
    fn tokens(&self, now: DateTime<Utc>, reserve: u32) -> usize {
        (0..self.rate.burst.saturating_sub(reserve))
            .take_while(|taken| {
                let opens_at = self.opens_at(reserve) + self.rate.interval * i32::try_from(*taken).unwrap_or(i32::MAX);
                opens_at <= now
            })
            .count()
    }

    fn take(&mut self, now: DateTime<Utc>) {
        self.full_at = self.full_at.max(now) + self.rate.interval;
    }
}

impl Gates {
    pub fn new(pacing: Pacing, now: DateTime<Utc>) -> Self {
        let account = pacing.account.map(|rate| Bucket::new(rate, now, reserve(rate)));
        let opening = pacing.opening.map(|rate| Bucket::new(rate, now, reserve(rate)));
        Self { pacing, account, opening, conversations: HashMap::new(), last_unscoped: None }
    }

    /// How many calls the account may make now, how many of them bulk, and when there will be room for one more.
    /// Claiming no more than that keeps a long queue untouched while the account waits.
    pub fn room(&self, now: DateTime<Utc>) -> Room {
        let Some(bucket) = &self.account else { return Room { calls: usize::MAX, bulk: usize::MAX, opens_at: None } };
        let reserve = reserve(bucket.rate);
        let opens_at = [reserve, 0].map(|reserve| bucket.opens_at(reserve));
        Room {
            calls: bucket.tokens(now, 0),
            bulk: bucket.tokens(now, reserve),
            opens_at: opens_at.into_iter().filter(|opens_at| *opens_at > now).min(),
        }
    }

    /// Takes a token for one call, or says when one may be asked for again. Bulk leaves the reserve to people who
    /// are waiting for an answer.
    pub fn admit(
        &mut self,
        now: DateTime<Utc>,
        conversation: ConversationId,
        kind: ConversationKind,
        lane: Lane,
    ) -> Result<(), Closed> {
        if let Some(bucket) = &self.account {
            let opens_at = bucket.opens_at(if lane == Lane::Bulk { reserve(bucket.rate) } else { 0 });
            if opens_at > now {
                return Err(Closed { scope: GateScope::Account, opens_at });
            }
        }
        let rate = if kind == ConversationKind::Direct { self.pacing.conversation } else { self.pacing.group };
        if let Some(rate) = rate {
            if self.conversations.len() >= BUCKETS_KEPT_MAX {
                self.conversations.retain(|_, bucket| bucket.full_at > now);
            }
            let bucket = self.conversations.entry(conversation).or_insert_with(|| Bucket::new(rate, now, rate.burst));
            let opens_at = bucket.opens_at(0);
            if opens_at > now {
                return Err(Closed { scope: GateScope::Conversation, opens_at });
            }
            bucket.take(now);
        }
        if let Some(bucket) = &mut self.account {
            bucket.take(now);
        }
        Ok(())
    }

    /// Takes a token for opening a direct conversation.
    pub fn admit_opening(&mut self, now: DateTime<Utc>) -> Result<(), Closed> {
        let Some(bucket) = &mut self.opening else { return Ok(()) };
        let opens_at = bucket.opens_at(0);
        if opens_at > now {
            return Err(Closed { scope: GateScope::Route, opens_at });
        }
        bucket.take(now);
        Ok(())
    }

    /// What a throttle bars: the scope the platform named, else the conversation, else, when another conversation
    /// was throttled just before, the account.
    pub fn scope_of_throttle(
        &mut self,
        now: DateTime<Utc>,
        conversation: ConversationId,
        named: Option<GateScope>,
    ) -> GateScope {
        if let Some(scope) = named {
            return scope;
        }
        let promoted =
            self.last_unscoped.is_some_and(|(other, at)| other != conversation && now - at <= PROMOTION_WINDOW);
        self.last_unscoped = Some((conversation, now));
        if promoted { GateScope::Account } else { GateScope::Conversation }
    }
}

/// What an account's own pace leaves open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    pub calls: usize,
    pub bulk: usize,
    /// When the next token comes, for bulk or for all; `None` when there is room for both.
    pub opens_at: Option<DateTime<Utc>>,
}

/// A door that opens later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closed {
    pub scope: GateScope,
    pub opens_at: DateTime<Utc>,
}

/// A fifth of the burst, at least one token, is kept for people who wait.
fn reserve(rate: Rate) -> u32 {
    (rate.burst / 5).max(1).min(rate.burst.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn start() -> DateTime<Utc> {
        "2026-09-01T08:00:00Z".parse().unwrap()
    }

    fn chat(number: u128) -> ConversationId {
        ConversationId(Uuid::from_u128(number))
    }

    fn pacing(burst: u32, millis: i64) -> Pacing {
        let rate = Rate { burst, interval: TimeDelta::milliseconds(millis) };
        Pacing { account: Some(rate), ..Pacing::default() }
    }

    proptest! {
        /// However calls come, no window of time sees more than burst + elapsed / interval of them.
        #[test]
        fn the_stated_rate_is_never_exceeded(
            burst in 1u32..20, millis in 10i64..2000,
            gaps in prop::collection::vec((0i64..3000, 0u8..3), 1..200),
        ) {
            let mut gates = Gates::new(pacing(burst, millis), start());
            let mut now = start();
            let mut admitted: Vec<DateTime<Utc>> = Vec::new();
            for (gap, lane) in gaps {
                now += TimeDelta::milliseconds(gap);
                let lane = [Lane::Interactive, Lane::Normal, Lane::Bulk][usize::from(lane)];
                match gates.admit(now, chat(1), ConversationKind::Direct, lane) {
                    Ok(()) => admitted.push(now),
                    Err(closed) => prop_assert!(closed.opens_at > now),
                }
            }
            for (first, from) in admitted.iter().enumerate() {
                for (last, to) in admitted.iter().enumerate().skip(first) {
                    let room = i64::from(burst) + (*to - *from).num_milliseconds() / millis;
                    prop_assert!((last - first + 1) as i64 <= room);
                }
            }
        }

        /// As many calls as there is room for are admitted, and not one more.
        #[test]
        fn the_room_is_what_is_admitted(burst in 1u32..20, millis in 10i64..2000, wait in 0i64..30_000, bulk: bool) {
            let lane = if bulk { Lane::Bulk } else { Lane::Interactive };
            let mut gates = Gates::new(pacing(burst, millis), start());
            let now = start() + TimeDelta::milliseconds(wait);
            let room = gates.room(now);
            let said = if bulk { room.bulk } else { room.calls };
            let admitted =
                (0..50).filter(|_| gates.admit(now, chat(1), ConversationKind::Direct, lane).is_ok()).count();
            prop_assert_eq!(said, admitted);
        }

        /// A door that says when it opens does open then.
        #[test]
        fn a_closed_door_keeps_its_word(burst in 1u32..20, millis in 10i64..2000, lane in 0u8..3) {
            let lane = [Lane::Interactive, Lane::Normal, Lane::Bulk][usize::from(lane)];
            let mut gates = Gates::new(pacing(burst, millis), start());
            let mut now = start();
            for _ in 0..50 {
                if let Err(closed) = gates.admit(now, chat(1), ConversationKind::Direct, lane) {
                    now = closed.opens_at;
                    prop_assert_eq!(gates.admit(now, chat(1), ConversationKind::Direct, lane), Ok(()));
                }
            }
        }
    }

    #[test]
    fn bulk_leaves_room_for_an_answer() {
        let mut gates = Gates::new(pacing(10, 1000), start());
        let now = start() + TimeDelta::minutes(1);
        let bulk = (0..20).filter(|_| gates.admit(now, chat(1), ConversationKind::Direct, Lane::Bulk).is_ok()).count();
        assert_eq!(bulk, 8);
        assert_eq!(gates.admit(now, chat(2), ConversationKind::Direct, Lane::Interactive), Ok(()));
    }

    #[test]
    fn a_second_chats_throttle_bars_the_account() {
        let mut gates = Gates::new(Pacing::default(), start());
        assert_eq!(gates.scope_of_throttle(start(), chat(1), None), GateScope::Conversation);
        assert_eq!(gates.scope_of_throttle(start(), chat(1), None), GateScope::Conversation);
        assert_eq!(gates.scope_of_throttle(start(), chat(2), None), GateScope::Account);
        assert_eq!(gates.scope_of_throttle(start(), chat(3), Some(GateScope::Route)), GateScope::Route);
    }
}
