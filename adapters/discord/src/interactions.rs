//! Commands and presses wait for an answer: three seconds for a sign, a quarter of an hour for the words (docs:
//! Receiving and Responding). This knows how each was answered, so that the first words take the place that Discord
//! keeps for them, and only they.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bot_core::Locale;
use bot_core::adapter::{Acknowledgement, GateScope, Verdict};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::limits::Limited;
use crate::rest::{Call, Rest, Trouble, code};

/// How long an interaction's token serves (docs: Receiving and Responding).
pub(crate) const TOKEN_SERVES_FOR: TimeDelta = TimeDelta::minutes(15);
/// A sign that has not gone out by then never will: the interaction is closed after three seconds.
const SIGN_WITHIN: Duration = Duration::from_secs(3);
/// Only the person who pressed sees it (docs: Message Flags, `EPHEMERAL`).
pub(crate) const EPHEMERAL: u64 = 1 << 6;
/// The sign "thinking", which the first words replace (docs: Message Flags, `LOADING`).
const LOADING: u64 = 1 << 7;

/// Where an event waits for its answer. Kept with the event, as a secret.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub interaction: String,
    pub application: String,
    pub token: String,
    pub expires_at: DateTime<Utc>,
    pub place: Place,
    pub locale: Locale,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// A button or menu in a direct conversation: the answer is a message like any other.
    DirectPress,
    /// A command in a direct conversation: its first words take the place of "thinking".
    DirectCommand,
    /// Anything among other people: only the person sees the answer.
    AmongOthers,
}

impl Waiting {
    pub(crate) fn read(token: &Value) -> Option<Self> {
        serde_json::from_value(token.clone()).ok()
    }

    pub(crate) fn serves(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at
    }

    fn call(&self, method: Method, route: &'static str, path: String) -> Call {
        let limited = Limited { route, resource: self.interaction.clone(), scope: GateScope::Conversation };
        Call { by_interaction_token: true, ..Call::new(method, path, limited) }
    }

    fn sign(&self, payload: Value) -> Call {
        let path = format!("/interactions/{}/{}/callback", self.interaction, self.token);
        self.call(Method::POST, "POST callback", path).json(payload)
    }

    /// The message that stands in the interaction's own place.
    pub(crate) fn original(&self, method: Method) -> Call {
        let path = format!("/webhooks/{}/{}/messages/@original", self.application, self.token);
        self.call(method, "original", path)
    }

    /// A further message, for the person alone.
    pub(crate) fn follow_up(&self, mut payload: Value) -> Call {
        payload["flags"] = json!(payload["flags"].as_u64().unwrap_or_default() | EPHEMERAL);
        let path = format!("/webhooks/{}/{}?wait=true", self.application, self.token);
        self.call(Method::POST, "POST follow-up", path).json(payload)
    }
}

/// The interactions of the last quarter of an hour.
#[derive(Debug, Default)]
pub(crate) struct Interactions(Mutex<HashMap<String, Known>>);

#[derive(Debug)]
struct Known {
    expires_at: DateTime<Utc>,
    signed: Arc<watch::Sender<Signed>>,
    /// The part that stands in the interaction's own place.
    original: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Signed {
    NotYet,
    /// Discord knows that we took it.
    Yes,
    /// It was too late, or we refused.
    No,
}

/// Whether the place that Discord keeps for the first words is free.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Original {
    Free,
    Taken,
    /// Another process may have used it: Discord has to be asked.
    Unsure,
    /// There is none: Discord closed the interaction.
    Gone,
}

impl Interactions {
    /// Remembers an interaction that is about to be taken, before anybody can answer it.
    pub(crate) fn begin(&self, waiting: &Waiting, now: DateTime<Utc>) {
        let mut known = self.known();
        known.retain(|_, known| known.expires_at > now);
        known.entry(waiting.interaction.clone()).or_insert_with(|| Known {
            expires_at: waiting.expires_at,
            signed: Arc::new(watch::Sender::new(Signed::NotYet)),
            original: None,
        });
    }

    /// Gives Discord the sign. Giving it twice is no mistake.
    pub(crate) async fn acknowledge(
        &self,
        rest: &Rest,
        waiting: &Waiting,
        acknowledgement: Acknowledgement,
    ) -> Verdict<()> {
        let payload = match (acknowledgement, waiting.place) {
            (Acknowledgement::TryAgain, _) => {
                json!({ "type": 4, "data": { "content": try_again(waiting.locale), "flags": EPHEMERAL,
                        "allowed_mentions": { "parse": [] } } })
            }
            // Nothing to be seen: the answer follows as a message.
            (_, Place::DirectPress) => json!({ "type": 6 }),
            (_, Place::DirectCommand) => json!({ "type": 5 }),
            (_, Place::AmongOthers) => json!({ "type": 5, "data": { "flags": EPHEMERAL } }),
        };
        let answer = rest.call(waiting.sign(payload)).await;
        let taken = acknowledgement != Acknowledgement::TryAgain;
        let (signed, verdict) = match answer {
            Ok(_) => (if taken { Signed::Yes } else { Signed::No }, Verdict::Sent(())),
            Err(trouble) if trouble.code() == Some(code::ALREADY_ACKNOWLEDGED) => (Signed::Yes, Verdict::Sent(())),
            Err(trouble) if trouble.code() == Some(code::UNKNOWN_INTERACTION) => {
                let reason = "the person waited for more than 3 s: Discord closed the interaction".to_owned();
                (Signed::No, Verdict::Rejected { reason })
            }
            // The answer may still find its place there, which is seen when it is tried.
            Err(Trouble::Lost(reason)) => (Signed::Yes, Verdict::Unknown { reason }),
            Err(trouble) => (Signed::No, trouble.verdict()),
        };
        if let Some(known) = self.known().get(&waiting.interaction) {
            // The first sign counts: a second one is refused by Discord.
            known.signed.send_if_modified(|before| {
                let first = *before == Signed::NotYet;
                if first {
                    *before = signed;
                }
                first
            });
        }
        verdict
    }

    /// Says "try again" after the sign had already promised an answer.
    pub(crate) async fn take_back(&self, rest: &Rest, waiting: &Waiting) {
        let payload = json!({ "content": try_again(waiting.locale), "allowed_mentions": { "parse": [] } });
        let call = match waiting.place {
            Place::DirectPress => waiting.follow_up(payload),
            Place::DirectCommand | Place::AmongOthers => waiting.original(Method::PATCH).json(payload),
        };
        // A person who hears nothing will press again, too.
        let _ = rest.call(call).await;
    }

    /// Whether the part called `key` may stand in the interaction's own place. Waits for the sign to be given.
    pub(crate) async fn original(&self, waiting: &Waiting, key: &str) -> Original {
        let found = self.known().get(&waiting.interaction).map(|known| {
            let mine = known.original.as_deref().is_none_or(|original| original == key);
            (mine, known.signed.subscribe())
        });
        let Some((mine, mut signed)) = found else { return Original::Unsure };
        let signed = tokio::time::timeout(SIGN_WITHIN, signed.wait_for(|signed| *signed != Signed::NotYet)).await;
        match signed {
            Ok(Ok(signed)) if *signed == Signed::Yes => {
                if mine {
                    Original::Free
                } else {
                    Original::Taken
                }
            }
            _ => Original::Gone,
        }
    }

    /// Remembers which part stands in the interaction's own place.
    pub(crate) fn keep_original(&self, waiting: &Waiting, key: &str) {
        if let Some(known) = self.known().get_mut(&waiting.interaction) {
            known.original = Some(key.to_owned());
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a message still only says "thinking".
pub(crate) fn is_thinking(message: &Value) -> bool {
    message["flags"].as_u64().is_some_and(|flags| flags & LOADING != 0)
}

fn try_again(locale: Locale) -> &'static str {
    match locale {
        Locale::Fr => "Ce n'est pas enregistré. Réessayez dans un instant.",
        Locale::En => "This was not recorded. Please try again in a moment.",
    }
}
