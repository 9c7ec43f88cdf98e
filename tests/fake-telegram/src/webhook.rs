//! Delivery by webhook: in order for each chat, in parallel otherwise, again and again until it is taken.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::server::Shared;

const SECRET_HEADER: &str = "X-Telegram-Bot-Api-Secret-Token";
/// The delay doubles up to this (tdlib/telegram-bot-api, WebhookActor.cpp: 60 to 120 s).
const DELAY_MAX: Duration = Duration::from_secs(60);
/// How long a `Retry-After` is believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Webhook {
    pub url: String,
    pub secret: Option<String>,
    pub max_connections: i64,
}

/// Delivers until `stop`.
pub(crate) async fn deliver_for_ever(shared: Shared, stop: CancellationToken) {
    let client = reqwest::Client::new();
    let (mut bell, clock) = {
        let town = shared.town();
        (town.bell.subscribe(), town.clock.clone())
    };
    loop {
        bell.borrow_and_update();
        let (due, next) = take_due(&shared);
        for delivery in due {
            tokio::spawn(deliver(client.clone(), shared.clone(), delivery));
        }
        let later = async {
            match next {
                Some(moment) => clock.sleep_until(moment).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            changed = bell.changed() => if changed.is_err() { return },
            () = later => {}
        }
    }
}

struct Delivery {
    webhook: Webhook,
    id: i64,
    update: Value,
    tries: u32,
}

/// The first update of each row that is due, and when the next will be.
fn take_due(shared: &Shared) -> (Vec<Delivery>, Option<Duration>) {
    let mut town = shared.town();
    let now = town.clock.now();
    town.queue.expire(now);
    let Some(webhook) = town.webhook.clone() else { return (Vec::new(), None) };
    let (mut due, mut next) = (Vec::new(), None);
    let mut rows = HashSet::new();
    let mut on_their_way = town.queue.waiting.iter().filter(|update| update.on_its_way).count();
    for update in &mut town.queue.waiting {
        if !rows.insert(update.order.clone()) || update.on_its_way {
            continue;
        }
        if update.not_before > now {
            next = Some(next.map_or(update.not_before, |next: Duration| next.min(update.not_before)));
        } else if i64::try_from(on_their_way).is_ok_and(|count| count < webhook.max_connections) {
            update.on_its_way = true;
            on_their_way += 1;
            due.push(Delivery {
                webhook: webhook.clone(),
                id: update.id,
                update: update.update(),
                tries: update.tries,
            });
        }
    }
    town.given.extend(due.iter().map(|delivery| delivery.update.clone()));
    (due, next)
}

async fn deliver(client: reqwest::Client, shared: Shared, delivery: Delivery) {
    let mut request = client.post(&delivery.webhook.url).json(&delivery.update);
    if let Some(secret) = &delivery.webhook.secret {
        request = request.header(SECRET_HEADER, secret);
    }
    let answer = request.send().await;
    let mut town = shared.town();
    let (taken, wait, error) = match &answer {
        Ok(response) => {
            let status = response.status();
            let wait = response.headers().get(reqwest::header::RETRY_AFTER);
            let wait = wait.and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
            (status.is_success(), wait, format!("Wrong response from the webhook: {status}"))
        }
        Err(_) => (false, None, "Connection refused".to_owned()),
    };
    if taken {
        if std::mem::take(&mut town.deliver_twice) {
            // As when the answer was lost on its way back.
            if let Some(update) = town.queue.waiting.iter_mut().find(|update| update.id == delivery.id) {
                update.on_its_way = false;
            }
        } else {
            town.queue.waiting.retain(|update| update.id != delivery.id);
        }
    } else {
        let now = town.clock.now();
        town.last_webhook_error = Some((town.clock.unix(), error));
        let backoff = Duration::from_secs(1 << delivery.tries.min(6)).min(DELAY_MAX);
        if let Some(update) = town.queue.waiting.iter_mut().find(|update| update.id == delivery.id) {
            update.on_its_way = false;
            update.tries += 1;
            update.not_before = now + wait.map_or(backoff, |wait| wait.min(RETRY_AFTER_MAX));
        }
    }
    town.ring();
}
