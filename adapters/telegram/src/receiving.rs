//! The way in. Updates are stored together with the number that confirms them; only the next question tells Telegram
//! that they were taken. Whoever pressed a button waits: their answer is raced apart from the next batch.

use bot_core::adapter::{AccountHealth, Acknowledgement, RunError};
use bot_core::intake::{ANSWER_WITHIN, Intake, Receipt};
use bot_core::store::account_state::StateEntry;
use serde::Deserialize;
use serde_json::{Value, json};
use teloxide::payloads::{
    AnswerCallbackQuery, AnswerCallbackQuerySetters, DeleteWebhook, GetMe, GetUpdates, GetUpdatesSetters,
    GetWebhookInfo, SetWebhook, SetWebhookSetters,
};
use teloxide::types::CallbackQueryId;

use crate::api::{Api, Failure, LONG_POLL};
use crate::refusal::{Refusal, TOKEN_REFUSED};
use crate::update::{Me, Reported, Update, WANTED};
use crate::{Bot, Mode, Telegram};

/// The most that one answer may hold (Bot API: getUpdates).
const UPDATES_MAX: u8 = 100;

/// What Telegram says about the webhook, as far as it is read here.
#[derive(Debug, Deserialize)]
pub(crate) struct WebhookInfo {
    pub url: String,
    #[serde(default)]
    pub pending_update_count: u64,
    pub last_error_date: Option<i64>,
    pub last_error_message: Option<String>,
}

/// The updates could not be stored: Telegram has to offer them again.
pub(crate) struct NotStored;

/// Why receiving ended.
enum End {
    Lost(&'static str),
    Refused(String),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        match (failure.refusal(), failure) {
            (Some(Refusal::Token), _) => Self::Refused(TOKEN_REFUSED.to_owned()),
            (Some(Refusal::OtherPoller), _) => Self::Lost(CONTESTED),
            (Some(Refusal::WebhookSet), _) => Self::Lost("a webhook was set for this bot while it was polling"),
            (_, Failure::NotWritten(reason) | Failure::NoAnswer(reason)) => Self::Lost(reason),
            (_, Failure::TooMany { .. }) => Self::Lost("Telegram asks for patience"),
            (_, Failure::Impossible(reason)) => Self::Lost(reason),
            (_, Failure::Busy { .. } | Failure::Migrated { .. } | Failure::Refused { .. }) => {
                Self::Lost("Telegram refused to hand over updates")
            }
        }
    }
}

const CONTESTED: &str = "another program receives this bot's updates: stop it, or give each its own bot";

impl Telegram {
    /// Receives until the future is dropped or cannot go on, and keeps the account's health.
    pub(crate) async fn receive(&self, bot: &Bot, intake: &Intake) -> Result<(), RunError> {
        let end = match self.settings.mode {
            Mode::Polling => self.poll(bot, intake).await,
            Mode::Webhook => self.await_deliveries(bot, intake).await,
        };
        let Err(end) = end else { return Ok(()) };
        let mut now = self.now();
        now.intake = None;
        Err(match end {
            End::Lost(reason) => {
                now.contested = reason == CONTESTED;
                // It may send, but hears nothing.
                now.health = AccountHealth::Impaired { reason: reason.to_owned() };
                RunError::Lost(reason.to_owned())
            }
            End::Refused(reason) => {
                now.health = AccountHealth::Failed { reason: reason.clone() };
                RunError::Refused(reason)
            }
        })
    }

    /// Asks Telegram who we are, and remembers it.
    pub(crate) async fn introduce(&self, api: &Api) -> Result<Me, Failure> {
        let answer = api.call(&GetMe::new()).await?;
        let me: Me =
            serde_json::from_value(answer).map_err(|_| Failure::NoAnswer("Telegram's answer cannot be read"))?;
        self.now().me = Some(me.clone());
        Ok(me)
    }

    pub(crate) async fn webhook_info(api: &Api) -> Result<WebhookInfo, Failure> {
        let answer = api.call(&GetWebhookInfo::new()).await?;
        serde_json::from_value(answer).map_err(|_| Failure::NoAnswer("Telegram's answer cannot be read"))
    }

    /// Whether the webhook that is set is this account's, perhaps at a former address of the service.
    pub(crate) fn is_ours(bot: &Bot, url: &str) -> bool {
        url.ends_with(&crate::webhook::path(&bot.token))
    }

    async fn poll(&self, bot: &Bot, intake: &Intake) -> Result<(), End> {
        let me = self.introduce(&bot.api).await?;
        let webhook = Self::webhook_info(&bot.api).await?.url;
        if !webhook.is_empty() {
            if !Self::is_ours(bot, &webhook) && !self.settings.replace_webhook {
                return Err(End::Refused(FOREIGN_WEBHOOK.to_owned()));
            }
            // What waits for delivery stays and is polled.
            bot.api.call(&DeleteWebhook::new()).await?;
        }
        // Another bot counts its updates differently: the number belongs to the bot, not to the account.
        let cursor = format!("offset/{}", bot.token.bot_id());
        let stored =
            self.context.state.get(&cursor).await.map_err(|_| End::Lost("the account's memory is out of reach"))?;
        let mut offset = stored.as_ref().and_then(Value::as_i64);
        if !self.now().contested {
            self.set_health(AccountHealth::Ready);
        }
        loop {
            let mut question = GetUpdates::new().limit(UPDATES_MAX).allowed_updates(WANTED);
            question.timeout = u32::try_from(LONG_POLL.as_secs()).ok();
            question.offset = offset.and_then(|offset| i32::try_from(offset).ok());
            let answer = bot.api.long_poll(&question).await?;
            {
                let mut now = self.now();
                now.contested = false;
                now.health = AccountHealth::Ready;
            }
            let Value::Array(batch) = answer else { return Err(End::Lost("Telegram's answer cannot be read")) };
            let updates: Vec<Update> = batch.iter().filter_map(Update::read).collect();
            // The last number counts, not the greatest: after a quiet week Telegram starts anywhere.
            let Some(next) = updates.last().map(|update| update.id + 1) else {
                if batch.is_empty() {
                    continue;
                }
                return Err(End::Lost("Telegram's answer cannot be read"));
            };
            let moved = StateEntry::new(cursor.as_str(), json!(next));
            if self.take(&bot.api, intake, &me, updates, Some(moved)).await.is_err() {
                return Err(End::Lost("what people wrote could not be stored, and will be asked for again"));
            }
            offset = Some(next);
        }
    }

    async fn await_deliveries(&self, bot: &Bot, intake: &Intake) -> Result<(), End> {
        self.introduce(&bot.api).await?;
        let address = format!("{}{}", self.public_url.trim_end_matches('/'), crate::webhook::path(&bot.token));
        let url = reqwest::Url::parse(&address).map_err(|_| End::Refused(NO_ADDRESS.to_owned()))?;
        let set = Self::webhook_info(&bot.api).await?.url;
        if !set.is_empty() && !Self::is_ours(bot, &set) && !self.settings.replace_webhook {
            return Err(End::Refused(FOREIGN_WEBHOOK.to_owned()));
        }
        let webhook = SetWebhook::new(url)
            .secret_token(bot.token.webhook_secret().into_exposed())
            .max_connections(self.settings.webhook_connections)
            .allowed_updates(WANTED);
        bot.api.call(&webhook).await.map_err(|failure| match failure.refusal() {
            Some(Refusal::Other(_)) => End::Refused(NO_ADDRESS.to_owned()),
            _ => End::from(failure),
        })?;
        {
            let mut now = self.now();
            now.intake = Some(intake.clone());
            now.health = AccountHealth::Ready;
        }
        std::future::pending().await
    }

    /// Stores updates, and has whoever waits for an answer told.
    pub(crate) async fn take(
        &self,
        api: &Api,
        intake: &Intake,
        me: &Me,
        updates: Vec<Update>,
        cursor: Option<StateEntry>,
    ) -> Result<(), NotStored> {
        let (mut events, mut polls) = (Vec::new(), Vec::new());
        for update in updates {
            match update.report(me) {
                Reported::Event(event) => events.push(event),
                Reported::Poll(poll_id, counts) => polls.push((poll_id, counts)),
                Reported::Nothing => {}
                Reported::Unreadable => tracing::debug!("an update of a kind that is not known here was passed over"),
            }
        }
        self.keep_counts(polls).await.map_err(|_| NotStored)?;
        let deadline = tokio::time::Instant::now() + ANSWER_WITHIN;
        let receipts = intake.receive(&events, cursor).await;
        let pressed: Vec<(Value, Option<Receipt>)> = events
            .into_iter()
            .enumerate()
            .filter_map(|(index, event)| {
                let receipt = receipts.as_ref().ok().and_then(|receipts| receipts.get(index)).copied();
                Some((event.acknowledgement?, receipt))
            })
            .collect();
        for (token, receipt) in pressed {
            let (api, intake) = (api.clone(), intake.clone());
            tokio::spawn(async move {
                let acknowledgement = match receipt {
                    Some(receipt) => intake.answered(receipt, deadline).await,
                    None => Acknowledgement::TryAgain,
                };
                // A press that cannot be answered any more has its message in the chat all the same.
                let _ = answer_press(&api, &token, acknowledgement).await;
            });
        }
        receipts.map(drop).map_err(|_| NotStored)
    }
}

const FOREIGN_WEBHOOK: &str = "another program receives this bot's updates by a webhook: stop it, or set \
                               `replace_webhook = true` to take the bot over";
const NO_ADDRESS: &str = "Telegram cannot call this service: `public_url` must be an https address on port 443, 80, 88 \
                          or 8443 that the internet reaches; or set `mode = \"polling\"`";

/// Stops the waiting sign on the button, with a word where the answer is not there yet.
pub(crate) async fn answer_press(api: &Api, token: &Value, acknowledgement: Acknowledgement) -> Result<(), Failure> {
    let Some(id) = token["callback_query_id"].as_str() else { return Ok(()) };
    let french = token["locale"] != "en";
    let payload = AnswerCallbackQuery::new(CallbackQueryId(id.to_owned()));
    let payload = match (acknowledgement, french) {
        (Acknowledgement::Handled, _) => payload,
        (Acknowledgement::Deferred, true) => payload.text("C’est reçu, la réponse arrive."),
        (Acknowledgement::Deferred, false) => payload.text("Received. The answer is on its way."),
        (Acknowledgement::TryAgain, true) => {
            payload.text("Rien n’a été enregistré. Réessayez dans un instant.").show_alert(true)
        }
        (Acknowledgement::TryAgain, false) => {
            payload.text("Nothing was recorded. Please try again in a moment.").show_alert(true)
        }
    };
    match api.call(&payload).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.refusal() == Some(Refusal::LateAnswer) => Ok(()),
        Err(failure) => Err(failure),
    }
}
