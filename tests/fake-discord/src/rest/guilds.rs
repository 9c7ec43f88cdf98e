//! Servers, their channels, and what their members may do there.

use serde_json::{Value, json};

use super::Reply;
use crate::model::User;
use crate::world::World;
use crate::{GuildId, UserId};

/// The role that moderates: on every server the one after the role of everybody.
const MODERATORS_AFTER: u64 = 1;
const VIEW_AND_SEND: u64 = 1 << 10 | 1 << 11;
const MANAGE_MESSAGES: u64 = 1 << 13;

impl World {
    pub(super) fn get_channel(&self, channel: &str) -> Reply {
        match channel.parse().ok().and_then(|channel| self.channels.get(&channel)) {
            Some(channel) => Reply::ok(channel.json(self)),
            None => Reply::refused(404, 10003, "Unknown Channel"),
        }
    }

    pub(super) fn get_guild(&self, guild: &str) -> Reply {
        let Some(guild) = self.known_guild(guild) else { return Reply::refused(404, 10004, "Unknown Guild") };
        let mut json = self.guild_json(guild);
        json["home_header"] = Value::Null;
        json["roles"] = json!([
            role(guild, "@everyone", VIEW_AND_SEND, 0),
            role(guild + MODERATORS_AFTER, "modération", MANAGE_MESSAGES, 1),
        ]);
        // These only the gateway tells.
        for gone in [
            "joined_at",
            "large",
            "unavailable",
            "member_count",
            "voice_states",
            "members",
            "channels",
            "threads",
            "presences",
            "stage_instances",
            "guild_scheduled_events",
            "soundboard_sounds",
        ] {
            json.as_object_mut().map(|json| json.remove(gone));
        }
        Reply::ok(json)
    }

    pub(super) fn get_member(&self, guild: &str, user: &str) -> Reply {
        let Some(guild) = self.known_guild(guild) else { return Reply::refused(404, 10004, "Unknown Guild") };
        let user = user.parse::<UserId>().ok().and_then(|id| Some((id, self.users.get(&id)?)));
        let Some((id, user)) = user.filter(|(_, user)| user.shares_server) else {
            return Reply::refused(404, 10007, "Unknown Member");
        };
        let roles =
            if self.moderators.contains(&id) { vec![(guild + MODERATORS_AFTER).to_string()] } else { Vec::new() };
        Reply::ok(json!({
            "user": User::json(user), "roles": roles, "joined_at": self.timestamp(), "deaf": false, "mute": false,
            "flags": 0, "nick": null, "avatar": null, "banner": null, "premium_since": null, "pending": false,
            "communication_disabled_until": null,
        }))
    }

    fn known_guild(&self, guild: &str) -> Option<GuildId> {
        guild.parse().ok().filter(|guild| self.guilds.contains_key(guild))
    }
}

fn role(id: u64, name: &str, permissions: u64, position: u64) -> Value {
    json!({
        "id": id.to_string(), "name": name, "permissions": permissions.to_string(), "position": position, "color": 0,
        "colors": { "primary_color": 0, "secondary_color": null, "tertiary_color": null }, "hoist": false,
        "managed": false, "mentionable": false, "icon": null, "unicode_emoji": null, "flags": 0,
    })
}
