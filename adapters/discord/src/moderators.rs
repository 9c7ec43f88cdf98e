//! Who moderates a channel: whoever the server lets manage it, its channels or others' messages.

use bot_core::Address;
use bot_core::adapter::ConversationRef;
use serde_json::Value;

use crate::Discord;
use crate::rest::{Call, Trouble};
use crate::snowflake;

/// Any of these is enough (docs: Permissions, Bitwise Permission Flags): ADMINISTRATOR, MANAGE_CHANNELS, MANAGE_GUILD,
/// MANAGE_MESSAGES.
const MODERATES: u64 = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 13;

impl Discord {
    /// By their roles on the whole server; what a single channel grants or takes away beside them is not looked at.
    pub(crate) async fn is_moderator(&self, room: &ConversationRef, person: &Address) -> Result<bool, Trouble> {
        let channel = snowflake::parse(room.platform_ref.expose());
        let (Some(channel), Some(person)) = (channel, snowflake::parse(person.path.expose())) else { return Ok(false) };
        let channel = self.rest.call(Call::get(format!("/channels/{channel}"), "GET channel")).await?;
        let Some(guild) = channel["guild_id"].as_str().and_then(snowflake::parse) else { return Ok(false) };
        let server = self.rest.call(Call::get(format!("/guilds/{guild}"), "GET guild")).await?;
        if server["owner_id"].as_str().and_then(snowflake::parse) == Some(person) {
            return Ok(true);
        }
        let member = self.rest.call(Call::get(format!("/guilds/{guild}/members/{person}"), "GET member")).await?;
        Ok(permissions(guild, &server, &member) & MODERATES != 0)
    }
}

/// What the roles of a member permit together. The role of everybody has the server's own id.
fn permissions(guild: u64, server: &Value, member: &Value) -> u64 {
    let everybody = guild.to_string();
    let own: Vec<&str> = member["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let roles = server["roles"].as_array().into_iter().flatten();
    roles
        .filter(|role| role["id"].as_str().is_some_and(|id| id == everybody || own.contains(&id)))
        .filter_map(|role| role["permissions"].as_str()?.parse::<u64>().ok())
        .fold(0, |all, one| all | one)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn permissions_are_those_of_everybody_and_of_ones_own_roles() {
        let server = json!({ "roles": [
            { "id": "7", "permissions": "1024" },
            { "id": "8", "permissions": "8192" },
            { "id": "9", "permissions": "8" },
        ]});
        assert_eq!(permissions(7, &server, &json!({ "roles": [] })), 1024);
        assert_eq!(permissions(7, &server, &json!({ "roles": ["8"] })), 1024 | 8192);
        assert_eq!(permissions(7, &json!({}), &json!({ "roles": ["9"] })), 0, "unknown roles permit nothing");
    }
}
