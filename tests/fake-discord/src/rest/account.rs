//! The bot itself: who it is, its gateway, its servers, its commands, and whom it may write to.

use serde_json::{Value, json};

use super::{Reply, checks};
use crate::model::User;
use crate::world::World;

impl World {
    pub(super) fn gateway_bot(&self) -> Reply {
        let limit = &self.gateway;
        Reply::ok(json!({
            "url": self.gateway_url, "shards": limit.shards,
            "session_start_limit": { "total": 1000, "remaining": limit.sessions_left, "reset_after": 14_400_000,
                                     "max_concurrency": 1 },
        }))
    }

    pub(super) fn myself(&self) -> Reply {
        let mut me = self.users.get(&self.bot).map(User::json).unwrap_or_default();
        me["mfa_enabled"] = json!(false);
        me["locale"] = json!("fr");
        me["verified"] = json!(true);
        me["email"] = Value::Null;
        Reply::ok(me)
    }

    pub(super) fn my_application(&self) -> Reply {
        let owner = self.users.get(&self.bot).map(User::json);
        Reply::ok(json!({
            "id": self.application.to_string(), "name": "crieur", "icon": null, "description": "", "type": null,
            "bot": owner, "bot_public": true, "bot_require_code_grant": false, "verify_key": "0".repeat(64),
            "flags": 0, "flags_new": "0", "redirect_uris": [], "interactions_endpoint_url": null,
            "role_connections_verification_url": null, "owner": owner, "approximate_guild_count": self.guilds.len(),
            "approximate_user_install_count": 0, "approximate_user_authorization_count": 0,
            "explicit_content_filter": 0, "team": null, "eligible_oauth2_scopes": [],
        }))
    }

    pub(super) fn my_guilds(&self) -> Reply {
        let guilds = self.guilds.iter().map(|(id, name)| {
            json!({ "id": id.to_string(), "name": name, "icon": null, "banner": null, "owner": false,
                    "permissions": "0", "features": [] })
        });
        Reply::ok(Value::Array(guilds.collect()))
    }

    pub(super) fn open_direct(&mut self, body: &Value) -> Reply {
        let person = body["recipient_id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_default();
        match self.users.get(&person) {
            None => Reply::refused(400, 10013, "Unknown User"),
            Some(user) if user.is_bot => Reply::refused(400, 50007, "Cannot send messages to this user"),
            Some(_) => {
                let channel = self.direct(person);
                Reply::ok(self.channels[&channel].json(self))
            }
        }
    }

    pub(super) fn put_commands(&mut self, application: &str, body: &Value) -> Reply {
        if application != self.application.to_string() {
            return Reply::refused(403, 20012, "You are not authorized to perform this action on this application");
        }
        let commands = checks::list(body);
        if let Err(refused) = checks::commands(&commands) {
            return refused;
        }
        self.commands = commands
            .into_iter()
            .map(|mut command| {
                command["id"] = json!(self.next_id().to_string());
                command["application_id"] = json!(application);
                command["version"] = json!(self.next_id().to_string());
                command["default_member_permissions"] = Value::Null;
                command["nsfw"] = json!(false);
                command["dm_permission"] = json!(true);
                command
            })
            .collect();
        Reply::ok(Value::Array(self.commands.clone()))
    }
}
