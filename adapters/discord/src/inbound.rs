//! From Discord's events to ours.

use bot_core::action::ActionToken;
use bot_core::adapter::{Actor, ConversationKind, ConversationRef, InboundEvent, InboundKind};
use bot_core::{Address, Locale, Platform};
use chrono::{DateTime, Utc};
use serenity::all::{
    ChannelType, CommandDataOptionValue, CommandInteraction, ComponentInteraction, ComponentInteractionDataKind,
    GuildId, Interaction, InteractionContext, Message, MessageType, PartialChannel, UserId,
};

use crate::interactions::{Place, TOKEN_SERVES_FOR, Waiting};

pub(crate) const PLATFORM: &str = "discord";

/// Something a person did, and what must be remembered with it.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub event: InboundEvent,
    pub channel: u64,
    /// The server it happened in; `None` in a direct conversation.
    pub guild: Option<u64>,
    /// Discord's id of it, by which what came before and after is told apart.
    pub id: u64,
}

pub(crate) fn conversation(kind: ConversationKind, channel: u64) -> ConversationRef {
    ConversationRef { kind, platform_ref: channel.to_string().into() }
}

pub(crate) fn direct(channel: u64) -> ConversationRef {
    conversation(ConversationKind::Direct, channel)
}

/// What somebody wrote: in a direct conversation everything, among others what is addressed to the bot.
pub(crate) fn message(message: &Message, bot: UserId) -> Option<Heard> {
    let is_person = !message.author.bot && message.webhook_id.is_none() && !message.author.system;
    let is_words = matches!(message.kind, MessageType::Regular | MessageType::InlineReply);
    if !is_person || !is_words {
        return None;
    }
    let text = match message.guild_id {
        None => message.content.trim().to_owned(),
        Some(_) if message.mentions.iter().any(|user| user.id == bot) => without_mention(&message.content, bot),
        Some(_) => return None,
    };
    // A picture or a sticker alone says nothing we could take.
    if text.is_empty() {
        return None;
    }
    let kind = match (message.guild_id, message.position) {
        (None, _) => ConversationKind::Direct,
        // Only messages of threads are numbered.
        (Some(_), Some(_)) => ConversationKind::Thread,
        (Some(_), None) => ConversationKind::Channel,
    };
    let (id, channel) = (message.id.get(), message.channel_id.get());
    let event = InboundEvent {
        dedupe_key: format!("m{id}"),
        conversation: conversation(kind, channel),
        actor: Some(actor(message.author.id, None)),
        kind: InboundKind::Text { text: text.into() },
        acknowledgement: None,
    };
    Some(Heard { event, channel, guild: message.guild_id.map(|guild| guild.get()), id })
}

fn without_mention(content: &str, bot: UserId) -> String {
    let mentions = [format!("<@{bot}>"), format!("<@!{bot}>")];
    let text = mentions.iter().fold(content.to_owned(), |text, mention| text.replacen(mention, "", 1));
    text.trim().to_owned()
}

/// A command or a press; anything else that Discord calls an interaction is not ours.
pub(crate) fn interaction(interaction: &Interaction, now: DateTime<Utc>) -> Option<(Heard, Waiting)> {
    match interaction {
        Interaction::Command(command) => Some(said(command, now)),
        Interaction::Component(component) => pressed(component, now),
        _ => None,
    }
}

fn said(command: &CommandInteraction, now: DateTime<Utc>) -> (Heard, Waiting) {
    let arguments = command.data.options.iter().filter_map(|option| match &option.value {
        CommandDataOptionValue::String(words) => Some(words.as_str()),
        _ => None,
    });
    let words: Vec<&str> = arguments.collect();
    let text = format!("/{} {}", command.data.name, words.join(" ")).trim_end().to_owned();
    let kind = kind_of(command.guild_id, command.context, command.channel.as_ref());
    let direct = kind == ConversationKind::Direct;
    let waiting = Waiting {
        interaction: command.id.to_string(),
        application: command.application_id.to_string(),
        token: command.token.clone(),
        expires_at: now + TOKEN_SERVES_FOR,
        place: if direct { Place::DirectCommand } else { Place::AmongOthers },
        locale: Locale::from_tag(&command.locale).unwrap_or_default(),
    };
    let event = InboundEvent {
        dedupe_key: format!("i{}", command.id),
        conversation: conversation(kind, command.channel_id.get()),
        actor: Some(actor(command.user.id, Locale::from_tag(&command.locale))),
        kind: InboundKind::Text { text: text.into() },
        acknowledgement: serde_json::to_value(&waiting).ok(),
    };
    let guild = command.guild_id.map(|guild| guild.get());
    (Heard { event, channel: command.channel_id.get(), guild, id: command.id.get() }, waiting)
}

fn pressed(component: &ComponentInteraction, now: DateTime<Utc>) -> Option<(Heard, Waiting)> {
    let token = match &component.data.kind {
        ComponentInteractionDataKind::Button => component.data.custom_id.clone(),
        ComponentInteractionDataKind::StringSelect { values } => values.first()?.clone(),
        _ => return None,
    };
    let kind = kind_of(component.guild_id, component.context, component.channel.as_ref());
    let direct = kind == ConversationKind::Direct;
    let waiting = Waiting {
        interaction: component.id.to_string(),
        application: component.application_id.to_string(),
        token: component.token.clone(),
        expires_at: now + TOKEN_SERVES_FOR,
        place: if direct { Place::DirectPress } else { Place::AmongOthers },
        locale: Locale::from_tag(&component.locale).unwrap_or_default(),
    };
    let event = InboundEvent {
        dedupe_key: format!("i{}", component.id),
        conversation: conversation(kind, component.channel_id.get()),
        actor: Some(actor(component.user.id, Locale::from_tag(&component.locale))),
        kind: InboundKind::Action { token: ActionToken(token) },
        acknowledgement: serde_json::to_value(&waiting).ok(),
    };
    let guild = component.guild_id.map(|guild| guild.get());
    Some((Heard { event, channel: component.channel_id.get(), guild, id: component.id.get() }, waiting))
}

fn kind_of(
    guild: Option<GuildId>,
    context: Option<InteractionContext>,
    channel: Option<&PartialChannel>,
) -> ConversationKind {
    match channel.map(|channel| channel.kind) {
        // Between several people without a server.
        Some(ChannelType::GroupDm) => ConversationKind::Group,
        _ if context == Some(InteractionContext::PrivateChannel) => ConversationKind::Group,
        _ if guild.is_none() => ConversationKind::Direct,
        Some(ChannelType::PublicThread | ChannelType::PrivateThread | ChannelType::NewsThread) => {
            ConversationKind::Thread
        }
        _ => ConversationKind::Channel,
    }
}

fn actor(user: UserId, locale: Option<Locale>) -> Actor {
    Actor { address: Address::new(Platform::new(PLATFORM), user.to_string()), locale }
}

/// The bot was removed from a server, or a channel deleted.
pub(crate) fn closed(dedupe_key: String, channel: u64) -> InboundEvent {
    InboundEvent {
        dedupe_key,
        conversation: conversation(ConversationKind::Channel, channel),
        actor: None,
        kind: InboundKind::Closed,
        acknowledgement: None,
    }
}
