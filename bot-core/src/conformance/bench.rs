//! What an adapter's tests bring to the suite: the adapter, and its platform's other side.

use std::sync::Arc;

use async_trait::async_trait;

use crate::action::ActionToken;
use crate::adapter::{Adapter, ConversationRef};

/// One adapter against its platform, fake or real, with one person on the other side.
#[async_trait]
pub trait AdapterBench: Send + Sync {
    /// The adapter, built afresh on each call as after a restart of the process: what it remembers is in its
    /// account's state and on the platform.
    async fn adapter(&self) -> Arc<dyn Adapter>;

    /// The person's direct conversation with the bot. It exists on the platform before anything else happens, and
    /// asking for it may need the adapter to run.
    async fn conversation(&self) -> ConversationRef;

    /// The person writes.
    async fn says(&self, text: &str) -> Heard;

    /// The person presses a button.
    async fn presses(&self, token: &ActionToken) -> Heard;

    /// The platform reports what the person did last once more, as after an answer that got lost.
    async fn repeats(&self);

    /// The person votes for one option, counted from 0, in the native poll the bot sent last. `false` where there are
    /// no polls; an adapter that has them must be able to show that they are counted.
    async fn votes(&self, _option: u16) -> bool {
        false
    }

    /// What the person sees now of what the bot sent, in order.
    async fn seen(&self) -> Vec<Seen>;

    /// Makes the platform answer the next call of `send` with this fault.
    async fn provoke(&self, fault: Fault) -> Provoked;

    /// Ends what `provoke` began, where it would go on.
    async fn recover(&self) {}
}

/// What became of something the person did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// The platform has it: it may not be lost.
    Yes,
    /// The person was told at once that it was not taken.
    Refused,
}

/// One message as the person sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// All its words. A picture's words are its caption or description.
    pub text: String,
    pub buttons: Vec<SeenButton>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeenButton {
    pub label: String,
    pub token: ActionToken,
}

/// A way in which a platform call can end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// "Too many requests."
    Throttled,
    /// The platform cannot be reached, or refuses before it writes anything.
    NotWritten,
    /// The message may be written, but the answer is lost.
    LostReply,
    /// The conversation has another name now.
    Moved,
    /// The person has blocked the bot or is gone.
    RecipientStopped,
    /// The platform does not take this message.
    Rejected,
    /// The account's credentials are refused.
    AccountDead,
}

impl Fault {
    pub const ALL: [Self; 7] = [
        Self::Throttled,
        Self::NotWritten,
        Self::LostReply,
        Self::Moved,
        Self::RecipientStopped,
        Self::Rejected,
        Self::AccountDead,
    ];
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Provoked {
    Yes,
    /// This cannot happen on this platform, and why.
    Impossible(&'static str),
}
