//! Decides whom an event belongs to: the core's own commands, the plugin that owns the command, button or awaited
//! text, or nobody. Rights are checked here, before a plugin hears of it.

use sqlx::{Postgres, Transaction};

use super::StoredEvent;
use crate::action::ActionToken;
use crate::adapter::{ConversationKind, InboundKind};
use crate::core::{Core, Organisation};
use crate::ids::{ConversationId, DeliveryId, PluginId};
use crate::people::{COMMANDS, CoreCommand, Joining};
use crate::plugin::{Audience, Caller, CommandCall, CommandDeclaration, Event, MessageOrigin, Role, Subscription};
use crate::plugin_host::{Call, owner_of_command};

/// Longest text we read, in characters. Longer ones are answered, not cut.
pub(crate) const TEXT_CHARACTERS_MAX: usize = 4000;

pub(crate) enum Route {
    Core(CoreCommand),
    Plugin {
        id: PluginId,
        call: Call,
    },
    Nobody,
    /// It hangs on whether the caller moderates the room: ask the platform, and route again.
    WhetherModerates,
}

impl Route {
    pub fn owner(&self) -> PluginId {
        match self {
            Self::Plugin { id, .. } => id.clone(),
            Self::Core(_) | Self::Nobody | Self::WhetherModerates => PluginId::core(),
        }
    }
}

/// STOP and the erasure overtake whatever the same person sent before.
pub(crate) fn is_urgent(kind: &InboundKind) -> bool {
    match kind {
        InboundKind::Text { text } => {
            let text = text.expose().trim();
            is_stop_word(text)
                || split_command(text)
                    .is_some_and(|(name, _)| matches!(name.as_str(), "arret" | "stop" | "effacer" | "erase"))
        }
        InboundKind::Closed => true,
        _ => false,
    }
}

fn is_stop_word(text: &str) -> bool {
    ["stop", "arret", "arrêt"].contains(&text.to_lowercase().as_str())
}

/// `/name@bot arguments` as (`name`, `arguments`).
fn split_command(text: &str) -> Option<(String, &str)> {
    let rest = text.strip_prefix('/')?;
    let (name, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let name = name.split('@').next().unwrap_or(name);
    (!name.is_empty()).then(|| (name.to_lowercase(), arguments.trim()))
}

/// What a followed link asks for: `/start <command>-<arguments>` of a command that links may call.
fn linked_command<'t>(core: &Core, name: &str, arguments: &'t str) -> Option<(CommandDeclaration, &'t str)> {
    let (called, rest) = arguments.split_once('-').unwrap_or((arguments, ""));
    if name != "start" {
        return None;
    }
    let called = called.to_lowercase();
    let own = COMMANDS.iter().find(|command| command.name == called || command.name_en == called);
    let command = match own {
        Some(command) => command.clone(),
        None => owner_of_command(core.plugins.values(), &called)?.1,
    };
    command.linkable.then_some((command, rest))
}

pub(crate) async fn route(
    core: &Core,
    organisation: &Organisation,
    transaction: &mut Transaction<'static, Postgres>,
    event: &StoredEvent,
    caller: Option<&Caller>,
    moderates: Option<bool>,
) -> Result<Route, sqlx::Error> {
    let Some(caller) = caller else {
        return Ok(match &event.kind {
            InboundKind::Closed => Route::Core(CoreCommand::ConversationClosed),
            InboundKind::Moved { .. } => Route::Core(CoreCommand::ConversationMoved),
            _ => Route::Nobody,
        });
    };
    let asking = Asking { caller, moderates };
    match &event.kind {
        InboundKind::Text { text } => route_text(core, organisation, transaction, asking, text.expose().trim()).await,
        InboundKind::Action { token } => Ok(route_action(core, organisation, asking, token)),
        InboundKind::Opened => Ok(Route::Nobody),
        InboundKind::Closed => Ok(Route::Core(CoreCommand::ConversationClosed)),
        InboundKind::Moved { .. } => Ok(Route::Core(CoreCommand::ConversationMoved)),
        InboundKind::Reaction { message, key, removed } => {
            let (key, removed) = (key.clone(), *removed);
            let make = |message| Event::Reaction { message, key, removed };
            to_author(core, organisation, transaction, caller, message, make).await
        }
        InboundKind::PollVote { message, options } => {
            let options = options.clone();
            to_author(core, organisation, transaction, caller, message, |message| Event::PollVote { message, options })
                .await
        }
    }
}

/// Whom this event makes one person, when it is one of the core's own buttons for that.
pub(crate) fn joined_by(core: &Core, organisation: &Organisation, event: &StoredEvent) -> Option<Joining> {
    let InboundKind::Action { token } = &event.kind else { return None };
    let core_id = PluginId::core();
    let ids = core.plugins.keys().chain(std::iter::once(&core_id));
    let (id, payload) = organisation.sealer.open(token, ConversationId(event.conversation), ids).ok()?;
    CoreCommand::from_action(&payload).filter(|_| *id == core_id)?.joining()
}

/// To the plugin that sent the message which `event` is about.
async fn to_author(
    core: &Core,
    organisation: &Organisation,
    transaction: &mut Transaction<'static, Postgres>,
    caller: &Caller,
    message: &str,
    event: impl FnOnce(MessageOrigin) -> Event,
) -> Result<Route, sqlx::Error> {
    let origin = sqlx::query!(
        r#"
        SELECT delivery.id, delivery.plugin_id, delivery.scope, delivery.subject, delivery.message_key
        FROM core.delivery_part AS part
        JOIN core.delivery ON delivery.organisation_id = part.organisation_id AND delivery.id = part.delivery_id
        WHERE part.organisation_id = $1 AND part.remote_ids @> to_jsonb($2::text) AND delivery.conversation_id = $3
        ORDER BY delivery.sequence DESC
        LIMIT 1
        "#,
        organisation.view.id.0,
        message,
        caller.conversation.id.0,
    )
    .fetch_optional(&mut **transaction)
    .await?;
    let Some(origin) = origin else { return Ok(Route::Nobody) };
    let host = origin.plugin_id.parse::<PluginId>().ok().and_then(|id| core.plugins.get(&id));
    Ok(match host.filter(|host| host.manifest().subscriptions.contains(&Subscription::Polls)) {
        Some(host) => {
            let message = MessageOrigin {
                delivery: DeliveryId(origin.id),
                scope: origin.scope,
                subject: origin.subject,
                message_key: origin.message_key,
            };
            Route::Plugin { id: host.manifest().id.clone(), call: Call::Event(event(message)) }
        }
        None => Route::Nobody,
    })
}

async fn route_text(
    core: &Core,
    organisation: &Organisation,
    transaction: &mut Transaction<'static, Postgres>,
    asking: Asking<'_>,
    text: &str,
) -> Result<Route, sqlx::Error> {
    let caller = asking.caller;
    let direct = caller.conversation.kind == ConversationKind::Direct;
    if direct && is_stop_word(text) {
        return Ok(Route::Core(CoreCommand::Stop));
    }
    if text.chars().count() > TEXT_CHARACTERS_MAX {
        return Ok(if direct { Route::Core(CoreCommand::TooLong) } else { Route::Nobody });
    }
    if let Some((name, arguments)) = split_command(text) {
        let (name, arguments) = match linked_command(core, &name, arguments) {
            Some((command, arguments)) => (command.name.to_owned(), arguments),
            None => (name, arguments),
        };
        if let Some(command) = CoreCommand::from_text(&name, arguments) {
            return Ok(Route::Core(command));
        }
        return Ok(match self::command(core, asking, &name, arguments) {
            Route::Nobody if direct => Route::Core(CoreCommand::Unknown { typed: format!("/{name}") }),
            route => route,
        });
    }
    let prompt = sqlx::query!(
        r#"
        SELECT plugin_id, choices, numbered, CASE WHEN awaits_until > $4 THEN awaits END AS awaits
        FROM core.prompt
        WHERE organisation_id = $1 AND conversation_id = $2 AND address_id = $3 AND expires_at > $4
        "#,
        organisation.view.id.0,
        caller.conversation.id.0,
        caller.address.0,
        core.clock.now(),
    )
    .fetch_optional(&mut **transaction)
    .await?;
    if let Some(prompt) = prompt {
        let choices: Vec<ActionToken> = serde_json::from_value(prompt.choices).unwrap_or_default();
        let number = text.trim_end_matches('.').parse::<usize>().ok();
        // Where buttons are shown, a number typed while a text is awaited is that text.
        if let Some(number) = number.filter(|_| prompt.numbered || prompt.awaits.is_none())
            && !choices.is_empty()
        {
            return Ok(match number.checked_sub(1).and_then(|index| choices.get(index)) {
                Some(token) => route_action(core, organisation, asking, token),
                None => Route::Core(CoreCommand::NoSuchNumber { count: choices.len() }),
            });
        }
        if let Some(name) = prompt.awaits
            && let Ok(id) = prompt.plugin_id.parse::<PluginId>()
        {
            return Ok(Route::Plugin { id, call: Call::Text { name, text: text.to_owned() } });
        }
    }
    Ok(if direct { Route::Core(CoreCommand::NotUnderstood) } else { Route::Nobody })
}

/// To the plugin that owns the command `name`, if the caller may use it.
pub(super) fn command(core: &Core, asking: Asking<'_>, name: &str, arguments: &str) -> Route {
    let Some((id, command)) = owner_of_command(core.plugins.values(), name) else { return Route::Nobody };
    let call = CommandCall { name: command.name.to_owned(), arguments: arguments.to_owned() };
    asking.let_in(command.audience, id, Call::Command(call))
}

fn route_action(core: &Core, organisation: &Organisation, asking: Asking<'_>, token: &ActionToken) -> Route {
    let caller = asking.caller;
    let core_id = PluginId::core();
    let ids = core.plugins.keys().chain(std::iter::once(&core_id));
    match organisation.sealer.open(token, caller.conversation.id, ids) {
        Ok((id, payload)) if *id == core_id => match CoreCommand::from_action(&payload) {
            Some(command) => Route::Core(command),
            None => Route::Core(CoreCommand::Forged),
        },
        Ok((id, payload)) => {
            let audience = core.plugins.get(id).map_or(Audience::Operators, |host| host.audience(&payload));
            asking.let_in(audience, id, Call::Action(payload))
        }
        Err(_) => Route::Core(CoreCommand::Forged),
    }
}

/// Whether `/aide` tells the caller of a command for `audience`.
pub(crate) fn may(caller: &Caller, audience: Audience) -> bool {
    Asking { caller, moderates: None }.may(audience) != Some(false)
}

/// Whoever asks for something, and what the platform says of them where it was asked.
#[derive(Clone, Copy)]
pub(super) struct Asking<'c> {
    pub caller: &'c Caller,
    pub moderates: Option<bool>,
}

impl Asking<'_> {
    fn let_in(self, audience: Audience, id: &PluginId, call: Call) -> Route {
        match self.may(audience) {
            Some(true) => Route::Plugin { id: id.clone(), call },
            Some(false) if audience == Audience::Moderators => Route::Core(CoreCommand::NotModerating),
            Some(false) => Route::Core(CoreCommand::NotAllowed),
            None => Route::WhetherModerates,
        }
    }

    /// Closed on doubt: a role counts only where it was granted to this very address. `None`: only the platform knows.
    fn may(self, audience: Audience) -> Option<bool> {
        let is_organiser = self.caller.has(Role::Organiser);
        match audience {
            Audience::Everyone => Some(true),
            Audience::Moderators if is_organiser || self.caller.conversation.kind == ConversationKind::Direct => {
                Some(true)
            }
            Audience::Moderators => self.moderates,
            Audience::Organisers => Some(is_organiser),
            Audience::Operators => Some(self.caller.has(Role::Operator)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_however_platforms_write_it() {
        assert_eq!(split_command("/Lier@crieur_bot  ABCD "), Some(("lier".to_owned(), "ABCD")));
        assert_eq!(split_command("/aide"), Some(("aide".to_owned(), "")));
        assert_eq!(split_command("/"), None);
        assert_eq!(split_command("aide"), None);
    }

    #[test]
    fn stop_is_the_exact_word() {
        let text = |text: &str| InboundKind::Text { text: text.to_owned().into() };
        assert!(is_urgent(&text(" STOP ")));
        assert!(is_urgent(&text("Arrêt")));
        assert!(is_urgent(&text("/effacer")));
        assert!(!is_urgent(&text("Arrêtez les travaux")));
    }
}
