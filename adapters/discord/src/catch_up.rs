//! After a break in the session Discord does not repeat what was written meanwhile. Direct conversations are asked for
//! what came after the last message we took; presses and commands of that time have already failed before the person's
//! eyes (docs: Receiving and Responding, three seconds).

use bot_core::intake::Intake;
use chrono::TimeDelta;
use futures::stream::{StreamExt, TryStreamExt};
use reqwest::Method;
use serde_json::Value;
use serenity::all::Message;

use crate::places::{Behind, Places};
use crate::rest::{Call, Trouble};
use crate::{Discord, inbound, snowflake};

/// The most that Discord gives at once (docs: Get Channel Messages).
const PAGE: usize = 100;
/// Conversations asked at the same time.
const AT_ONCE: usize = 4;

impl Discord {
    pub(crate) async fn catch_up(&self, intake: &Intake) -> Result<(), String> {
        let since = self.clock.now() - TimeDelta::days(i64::from(self.settings.catch_up_days));
        let behind = self.places.behind(since).await.map_err(|error| error.to_string())?;
        futures::stream::iter(behind)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, |behind| self.catch_up_with(intake, behind))
            .await
    }

    async fn catch_up_with(&self, intake: &Intake, behind: Behind) -> Result<(), String> {
        let Behind { channel, mut seen } = behind;
        loop {
            let Some(page) = self.messages_after(channel, seen).await? else { return Ok(()) };
            let full = page.len() == PAGE;
            let mut last = seen;
            for message in in_order(page) {
                last = last.max(message["id"].as_str().and_then(snowflake::parse).unwrap_or_default());
                // One that cannot be read is passed over: it could not be taken later either.
                let Ok(message) = serde_json::from_value::<Message>(message) else { continue };
                let Some(me) = self.me.get() else { continue };
                if let Some(heard) = inbound::message(&message, me.user.into()) {
                    self.take_heard(intake, &heard).await?;
                }
            }
            if last > seen {
                // Our own messages are passed, too.
                let moved = intake.receive(&[], Some(Places::seen(channel, last))).await;
                moved.map_err(|error| error.to_string())?;
            }
            if !full || last == seen {
                return Ok(());
            }
            seen = last;
        }
    }

    /// A page of what was written after `seen`; `None` where the conversation is gone.
    async fn messages_after(&self, channel: u64, seen: u64) -> Result<Option<Vec<Value>>, String> {
        loop {
            let rest = format!("/messages?after={seen}&limit={PAGE}");
            match self.rest.call(Call::on_channel(Method::GET, "GET messages", channel, &rest)).await {
                Ok(page) => return Ok(Some(page.as_array().cloned().unwrap_or_default())),
                // Nobody else waits for this: it goes on when Discord allows.
                Err(Trouble::Throttled(barred)) => self.clock.sleep_until(self.clock.now() + barred.after).await,
                // One conversation that Discord no longer shows must not hold up all the others.
                Err(Trouble::Refused { .. }) => return Ok(None),
                Err(trouble) => {
                    return Err(format!("what was written meanwhile cannot be fetched: {}", trouble.reason()));
                }
            }
        }
    }
}

/// Discord gives the latest first.
fn in_order(mut page: Vec<Value>) -> Vec<Value> {
    page.sort_by_key(|message| message["id"].as_str().and_then(snowflake::parse));
    page
}
