//! Looks at each step of setting up the bot, for `crieur doctor`. Asks Telegram and changes nothing.

use bot_core::adapter::Finding;
use chrono::{DateTime, TimeDelta, Utc};

use crate::api::Failure;
use crate::receiving::WebhookInfo;
use crate::refusal::{Refusal, TOKEN_REFUSED};
use crate::update::Me;
use crate::{Bot, Mode, Telegram};

/// An error of the webhook is news for this long.
const RECENT: TimeDelta = TimeDelta::hours(1);

impl Telegram {
    pub(crate) async fn findings(&self) -> Vec<Finding> {
        let bot = match &self.bot {
            Ok(bot) => bot,
            Err(error) => {
                let remedy = "ask @BotFather for the token with /token and write it to the file `token_file` names";
                return vec![Finding::wrong("token file", error.to_string(), remedy)];
            }
        };
        let mut findings = vec![Finding::fine("token file", "it holds a bot's token")];
        let me = match self.introduce(&bot.api).await {
            Ok(me) => me,
            Err(failure) => {
                findings.push(no_answer("token", &failure));
                return findings;
            }
        };
        findings.push(Finding::fine("token", format!("Telegram knows the bot as @{}", me.username)));
        findings.push(match Self::webhook_info(&bot.api).await {
            Ok(webhook) => self.updates(bot, &webhook),
            Err(failure) => no_answer("updates", &failure),
        });
        findings.push(groups(&me));
        findings
    }

    fn updates(&self, bot: &Bot, webhook: &WebhookInfo) -> Finding {
        const STEP: &str = "updates";
        let (set, ours) = (!webhook.url.is_empty(), Self::is_ours(bot, &webhook.url));
        match self.settings.mode {
            _ if set && !ours && !self.settings.replace_webhook => Finding::wrong(
                STEP,
                "another program receives this bot's updates by a webhook",
                "stop that program, or set `replace_webhook = true` to take the bot over",
            ),
            Mode::Polling if set => {
                Finding::fine(STEP, "a webhook is still set: the service removes it when it starts")
            }
            Mode::Polling => Finding::fine(STEP, "the service asks for them (polling)"),
            Mode::Webhook if !set || !ours => {
                Finding::fine(STEP, "the webhook is not set yet: the service sets it when it starts")
            }
            Mode::Webhook if !webhook.url.starts_with(self.public_url.trim_end_matches('/')) => Finding::fine(
                STEP,
                "Telegram still calls a former `public_url`: the service changes that when it starts",
            ),
            Mode::Webhook => match webhook.recent_problem(self.context.clock.now()) {
                Some((problem, remedy)) => Finding::wrong(STEP, problem, remedy),
                None => Finding::fine(
                    STEP,
                    format!("Telegram delivers them (webhook), {} are waiting", webhook.pending_update_count),
                ),
            },
        }
    }
}

impl WebhookInfo {
    /// The last failed delivery in our own words: Telegram's name addresses.
    fn recent_problem(&self, now: DateTime<Utc>) -> Option<(&'static str, &'static str)> {
        let at = DateTime::from_timestamp(self.last_error_date?, 0)?;
        if now - at > RECENT {
            return None;
        }
        let said = self.last_error_message.as_deref().unwrap_or_default().to_lowercase();
        Some(if said.contains("ssl") || said.contains("certificate") {
            (
                "Telegram does not trust the certificate of `public_url`",
                "serve a valid certificate with its whole chain, from a known authority",
            )
        } else if said.contains("timed out") || said.contains("timeout") {
            ("Telegram gets no answer from `public_url`", "let Telegram's servers through the firewall")
        } else if said.contains("refused") || said.contains("resolve") || said.contains("host") {
            ("Telegram cannot reach `public_url`", "check its name in DNS, and that the reverse proxy is running")
        } else if said.contains("wrong response") {
            (
                "`public_url` does not hand deliveries on to this service, or the service was stopped",
                "let the reverse proxy pass `/telegram/` to the public listener, with its headers",
            )
        } else {
            ("a delivery to `public_url` failed within the last hour", "look at the reverse proxy's error log")
        })
    }
}

fn no_answer(step: &str, failure: &Failure) -> Finding {
    match (failure.refusal(), failure) {
        (Some(Refusal::Token), _) => Finding::wrong(step, "Telegram does not accept the token", TOKEN_REFUSED),
        (_, Failure::NotWritten(reason) | Failure::NoAnswer(reason)) => {
            Finding::wrong(step, *reason, "check `api_url` and the way out to the internet, then try again")
        }
        _ => Finding::wrong(step, "Telegram refused to answer", "try again in a minute"),
    }
}

/// Neither is wrong: a town that only talks in private needs no groups.
fn groups(me: &Me) -> Finding {
    let found = match (me.can_join_groups, me.can_read_all_group_messages) {
        (false, _) => "the bot cannot be added to groups (@BotFather: /setjoingroups)",
        (true, false) => "the bot can be added to groups and hears only what is meant for it (privacy mode is on)",
        (true, true) => {
            "the bot can be added to groups, and Telegram sends it everything that is said there, which it does not \
             need (@BotFather: /setprivacy, Enable)"
        }
    };
    Finding::fine("groups", found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_delivery_is_told_in_our_own_words_while_it_is_news() {
        let now: DateTime<Utc> = "2026-09-01T08:00:00Z".parse().unwrap();
        let problem = |message: &str, minutes: i64| {
            let webhook = WebhookInfo {
                url: String::new(),
                pending_update_count: 0,
                last_error_date: Some((now - TimeDelta::minutes(minutes)).timestamp()),
                last_error_message: Some(message.to_owned()),
            };
            webhook.recent_problem(now).map(|(problem, _)| problem)
        };
        assert!(problem("SSL error {error:0A000086}", 1).unwrap().contains("certificate"));
        assert!(problem("Connection timed out", 1).unwrap().contains("no answer"));
        assert!(problem("Failed to resolve host: Name or service not known", 1).unwrap().contains("reach"));
        assert!(problem("Wrong response from the webhook: 503 Service Unavailable", 59).unwrap().contains("stopped"));
        assert_eq!(problem("Connection timed out", 61), None);
    }
}
