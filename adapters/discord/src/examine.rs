//! Each step of setting the account up, looked at.

use bot_core::adapter::{Finding, RunError};
use serde_json::Value;

use crate::Discord;
use crate::rest::{Call, TOKEN_REFUSED, Trouble};

/// Fewer sessions than this left is worth a look.
const SESSIONS_FEW: u64 = 100;

impl Discord {
    pub(crate) async fn examine_steps(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Err(error) = self.token.read() {
            findings.push(Finding::wrong("token file", error.to_string(), "write the token there, on one line"));
            return findings;
        }
        findings.push(Finding::fine("token file", "it can be read"));
        match self.rest.call(Call::get("/users/@me", "GET me")).await {
            Ok(me) => {
                let name = me["username"].as_str().unwrap_or("the bot");
                findings.push(Finding::fine("token", format!("Discord knows this bot as {name}")));
            }
            Err(Trouble::AccountDead) => {
                findings.push(Finding::wrong("token", "Discord does not accept it", TOKEN_REFUSED));
                return findings;
            }
            Err(trouble) => {
                let remedy = "let this machine reach discord.com and gateway.discord.gg on port 443, or set `api_url`";
                findings.push(Finding::wrong("connection", trouble.reason(), remedy));
                return findings;
            }
        }
        findings.push(match self.rest.call(Call::get("/applications/@me", "GET application")).await {
            Ok(application) => of_application(&application),
            Err(trouble) => Finding::wrong("application", trouble.reason(), "try again in a moment"),
        });
        findings.push(match self.advice().await {
            Ok(advice) => {
                let found = format!(
                    "{} of {} sessions left for today, {} shard(s) advised",
                    advice.limit.remaining, advice.limit.total, advice.shards
                );
                if advice.limit.remaining < SESSIONS_FEW {
                    let remedy = "look for another program that uses the same token, or for an account that keeps \
                                  losing its connection";
                    Finding::wrong("gateway", found, remedy)
                } else {
                    Finding::fine("gateway", found)
                }
            }
            Err(RunError::Lost(reason) | RunError::Refused(reason)) => {
                Finding::wrong("gateway", reason, "try again in a moment; then see docs/platforms/discord.md")
            }
        });
        findings.push(match self.rest.call(Call::get("/users/@me/guilds?limit=200", "GET guilds")).await {
            Ok(guilds) => match guilds.as_array().map_or(0, Vec::len) {
                0 => Finding::wrong(
                    "servers",
                    "the bot is on no server",
                    "invite it with the install link (developer portal, Installation): a person can write to it only \
                     when they share a server with it",
                ),
                count => Finding::fine("servers", format!("the bot is on {count} server(s)")),
            },
            Err(trouble) => Finding::wrong("servers", trouble.reason(), "try again in a moment"),
        });
        if let Some(count) = self.rest.refusals.many(self.clock.now()) {
            findings.push(Finding::wrong(
                "refused requests",
                format!("Discord refused {count} requests lately; at 10,000 in 10 min it bars this machine"),
                "see the deliveries that failed: blocked people and missing rights count",
            ));
        }
        findings
    }
}

/// Discord sends commands and presses either to the gateway or to a web address, never to both.
fn of_application(application: &Value) -> Finding {
    match application["interactions_endpoint_url"].as_str() {
        Some(_) => Finding::wrong(
            "interactions",
            "commands and presses go to a web address instead of the gateway",
            "empty Interactions Endpoint URL in the developer portal (General Information)",
        ),
        None => Finding::fine(
            "interactions",
            "commands and presses come through the gateway; no privileged intent is needed",
        ),
    }
}
