//! Everything there is: people, servers, channels, messages, interactions, sessions.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde_json::{Value, json};

use crate::fault::Fault;
use crate::gateway::Session;
use crate::model::{Channel, ChannelKind, Interaction, Message, Shown, User};
use crate::record::Exchange;

pub const BOT_TOKEN: &str = "MTE.fake.discord-token";

pub type UserId = u64;
pub type ChannelId = u64;
pub type GuildId = u64;
pub type MessageId = u64;

/// The first second of 2015, from which Discord counts.
const EPOCH_MILLIS: i64 = 1_420_070_400_000;
/// For how long a `nonce` is recognised here. Discord says "the past few minutes".
const NONCE_MILLIS: i64 = 180_000;

pub(crate) struct World {
    pub now_millis: i64,
    increment: u64,
    pub gateway_url: String,
    pub bot: UserId,
    pub application: u64,
    pub token_accepted: bool,
    pub users: BTreeMap<UserId, User>,
    pub guilds: BTreeMap<GuildId, String>,
    /// Who has the role of moderators on every server.
    pub moderators: BTreeSet<UserId>,
    pub channels: BTreeMap<ChannelId, Channel>,
    pub interactions: BTreeMap<u64, Interaction>,
    pub commands: Vec<Value>,
    nonces: HashMap<(ChannelId, String), (MessageId, i64)>,
    pub pings: usize,

    pub faults: VecDeque<(String, Fault)>,
    pub channel_limit: (u32, i64),
    pub opening_limit: (u32, i64),
    /// Calls per bucket, by the moment they came.
    pub used: HashMap<String, VecDeque<i64>>,
    pub exchanges: Vec<Exchange>,

    pub sessions: Vec<Session>,
    pub gateway: crate::gateway::Behaviour,
    pub frames: Vec<Value>,
}

impl World {
    pub(crate) fn new(now_millis: i64, gateway_url: String) -> Self {
        let mut world = Self {
            now_millis,
            increment: 0,
            gateway_url,
            bot: 0,
            application: 0,
            token_accepted: true,
            users: BTreeMap::new(),
            guilds: BTreeMap::new(),
            moderators: BTreeSet::new(),
            channels: BTreeMap::new(),
            interactions: BTreeMap::new(),
            commands: Vec::new(),
            nonces: HashMap::new(),
            pings: 0,
            faults: VecDeque::new(),
            channel_limit: (1000, 1000),
            opening_limit: (1000, 1000),
            used: HashMap::new(),
            exchanges: Vec::new(),
            sessions: Vec::new(),
            gateway: crate::gateway::Behaviour::default(),
            frames: Vec::new(),
        };
        world.bot = world.add_user("crieur");
        world.application = world.next_id();
        if let Some(bot) = world.users.get_mut(&world.bot) {
            bot.is_bot = true;
        }
        world
    }

    /// The next id: greater than all before, and carrying the moment.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.increment += 1;
        let millis = u64::try_from(self.now_millis - EPOCH_MILLIS).unwrap();
        // The low 22 bits tell apart what happens in one millisecond.
        (millis << 22) + self.increment
    }

    pub(crate) fn add_user(&mut self, name: &str) -> UserId {
        let id = self.next_id();
        self.users.insert(
            id,
            User {
                id,
                name: name.to_owned(),
                locale: "fr".to_owned(),
                is_bot: false,
                takes_messages: true,
                shares_server: true,
            },
        );
        id
    }

    pub(crate) fn add_guild(&mut self, name: &str) -> (GuildId, ChannelId) {
        let (guild, channel) = (self.next_id(), self.next_id());
        self.guilds.insert(guild, name.to_owned());
        self.channels.insert(channel, Channel::new(channel, ChannelKind::Text { guild }));
        let created = self.guild_json(guild);
        self.emit("GUILD_CREATE", created);
        (guild, channel)
    }

    pub(crate) fn add_thread(&mut self, guild: GuildId) -> ChannelId {
        let channel = self.next_id();
        self.channels.insert(channel, Channel::new(channel, ChannelKind::Thread { guild }));
        channel
    }

    pub(crate) fn leave_guild(&mut self, guild: GuildId) {
        self.guilds.remove(&guild);
        self.channels.retain(|_, channel| channel.guild() != Some(guild));
        self.emit("GUILD_DELETE", json!({ "id": guild.to_string() }));
    }

    pub(crate) fn delete_channel(&mut self, channel: ChannelId) {
        if let Some(gone) = self.channels.remove(&channel) {
            let json = gone.json(self);
            self.emit("CHANNEL_DELETE", json);
        }
    }

    /// The person's conversation with the bot, made when there is none.
    pub(crate) fn direct(&mut self, person: UserId) -> ChannelId {
        let known = self.channels.values().find(|channel| channel.kind == ChannelKind::Direct { person });
        if let Some(channel) = known {
            return channel.id;
        }
        let id = self.next_id();
        self.channels.insert(id, Channel::new(id, ChannelKind::Direct { person }));
        id
    }

    /// Adds a message and tells the gateway, unless only one person sees it.
    pub(crate) fn add_message(&mut self, message: Message) -> MessageId {
        let (id, channel) = (message.id, message.channel);
        let seen_by_all = message.only_for.is_none();
        if let Some(channel) = self.channels.get_mut(&channel) {
            channel.messages.push(message.clone());
        }
        if seen_by_all {
            let json = self.message_event(&message);
            self.emit("MESSAGE_CREATE", json);
        }
        id
    }

    pub(crate) fn message(&self, channel: ChannelId, message: MessageId) -> Option<&Message> {
        self.channels.get(&channel)?.messages.iter().find(|known| known.id == message)
    }

    pub(crate) fn message_mut(&mut self, channel: ChannelId, message: MessageId) -> Option<&mut Message> {
        self.channels.get_mut(&channel)?.messages.iter_mut().find(|known| known.id == message)
    }

    /// The message that the bot already made with this nonce, lately.
    pub(crate) fn made_with(&self, channel: ChannelId, nonce: &str) -> Option<MessageId> {
        let (message, at) = self.nonces.get(&(channel, nonce.to_owned()))?;
        (self.now_millis - at < NONCE_MILLIS).then_some(*message)
    }

    pub(crate) fn remember_nonce(&mut self, channel: ChannelId, nonce: &str, message: MessageId) {
        self.nonces.insert((channel, nonce.to_owned()), (message, self.now_millis));
    }

    /// What is shown of the bot's messages: to everybody, and to `person`.
    pub(crate) fn shown(&self, channel: ChannelId, person: Option<UserId>) -> Vec<Shown> {
        let Some(channel) = self.channels.get(&channel) else { return Vec::new() };
        let seen = channel.messages.iter().filter(|message| message.author == self.bot);
        let seen = seen.filter(|message| message.only_for.is_none() || message.only_for == person);
        seen.map(Message::shown).collect()
    }

    pub(crate) fn guild_json(&self, guild: GuildId) -> Value {
        let channels = self.channels.values().filter(|channel| channel.kind == ChannelKind::Text { guild });
        json!({
            "id": guild.to_string(), "name": self.guilds.get(&guild), "icon": null, "splash": null,
            "discovery_splash": null, "owner_id": self.bot.to_string(), "afk_channel_id": null, "afk_timeout": 300,
            "verification_level": 0, "default_message_notifications": 1, "explicit_content_filter": 0, "roles": [],
            "emojis": [], "features": [], "mfa_level": 0, "application_id": null, "system_channel_id": null,
            "system_channel_flags": 0, "rules_channel_id": null, "joined_at": self.timestamp(), "large": false,
            "unavailable": false, "member_count": 1, "voice_states": [], "members": [],
            "channels": channels.map(|channel| channel.json(self)).collect::<Vec<_>>(), "threads": [],
            "presences": [], "stage_instances": [], "guild_scheduled_events": [], "vanity_url_code": null,
            "description": null, "banner": null, "premium_tier": 0, "premium_subscription_count": 0,
            "preferred_locale": "fr", "public_updates_channel_id": null, "nsfw_level": 0, "stickers": [],
            "premium_progress_bar_enabled": false, "safety_alerts_channel_id": null, "soundboard_sounds": [],
            "incidents_data": null, "nsfw": false, "widget_enabled": false, "widget_channel_id": null,
            "max_presences": null, "max_members": 500_000, "max_video_channel_users": 25,
            "max_stage_video_channel_users": 50, "region": "deprecated", "hub_type": null,
        })
    }

    pub(crate) fn timestamp(&self) -> String {
        timestamp(self.now_millis)
    }
}

/// ISO 8601, as Discord writes it.
pub(crate) fn timestamp(millis: i64) -> String {
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    // Days to a date: Howard Hinnant's algorithm for the proleptic Gregorian calendar.
    let z = days + 719_468;
    let (era, day_of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (seconds, millis) = (rest / 1000, rest % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}000+00:00")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_moment_is_written_as_a_date() {
        assert_eq!(super::timestamp(1_462_015_105_796), "2016-04-30T11:18:25.796000+00:00");
        assert_eq!(super::timestamp(1_709_164_800_000), "2024-02-29T00:00:00.000000+00:00");
    }
}
