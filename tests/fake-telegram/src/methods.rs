//! The methods, each as the real server answers it. Sending has its own file.

use serde_json::{Value, json};

use crate::call::Params;
use crate::fault::{Answer, LATE_ANSWER, Refused};
use crate::sending;
use crate::town::{BOT_ID, Town};
use crate::webhook::Webhook;

/// Names as the documentation writes them; the server does not look at upper and lower case.
const METHODS: [&str; 23] = [
    "getMe",
    "getUpdates",
    "setWebhook",
    "deleteWebhook",
    "getWebhookInfo",
    "sendMessage",
    "sendPhoto",
    "sendDocument",
    "sendPoll",
    "stopPoll",
    "editMessageText",
    "editMessageCaption",
    "editMessageMedia",
    "editMessageReplyMarkup",
    "answerCallbackQuery",
    "setMyCommands",
    "getMyCommands",
    "deleteMessage",
    "pinChatMessage",
    "getChat",
    "getChatMember",
    "getFile",
    "deleteMyCommands",
];

pub(crate) fn canonical(name: &str) -> Option<&'static str> {
    METHODS.into_iter().find(|method| method.eq_ignore_ascii_case(name))
}

/// Carries out everything but `getUpdates`, which waits.
pub(crate) fn carry_out(town: &mut Town, method: &str, params: &Params) -> Answer {
    match method {
        "getMe" => Ok(me(town)),
        "setWebhook" => set_webhook(town, params),
        "deleteWebhook" => {
            town.webhook = None;
            if params.flag("drop_pending_updates") == Some(true) {
                town.queue.waiting.clear();
            }
            town.ring();
            Ok(json!(true))
        }
        "getWebhookInfo" => Ok(webhook_info(town)),
        "answerCallbackQuery" => answer_press(town, params),
        "setMyCommands" => set_commands(town, params),
        "deleteMyCommands" => {
            town.menus.remove(&menu_key(params));
            Ok(json!(true))
        }
        "getMyCommands" => Ok(town.menus.get(&menu_key(params)).cloned().unwrap_or(json!([]))),
        "getFile" => get_file(town, params),
        "getChat" => {
            let chat = params.integer("chat_id").filter(|id| town.chats.contains_key(id));
            let chat = chat.ok_or_else(|| Refused::bad_request("chat not found"))?;
            let mut object = town.chat_object(chat);
            object["accent_color_id"] = json!(1);
            object["max_reaction_count"] = json!(11);
            object["accepted_gift_types"] = json!({
                "unlimited_gifts": true, "limited_gifts": true, "unique_gifts": true, "premium_subscription": true,
                "gifts_from_channels": true,
            });
            Ok(object)
        }
        "getChatMember" => chat_member(town, params),
        _ => sending::carry_out(town, method, params),
    }
}

/// The bot sees whoever wrote where it is; of others the server knows nothing to tell.
fn chat_member(town: &Town, params: &Params) -> Answer {
    let chat = params.integer("chat_id").filter(|id| town.chats.contains_key(id));
    let chat = chat.ok_or_else(|| Refused::bad_request("chat not found"))?;
    let user = params.integer("user_id").filter(|id| town.people.contains_key(id));
    let user = user.ok_or_else(|| Refused::bad_request("user not found"))?;
    let user_object = town.user(user);
    if !town.administrators.contains(&(chat, user)) {
        return Ok(json!({ "user": user_object, "status": "member" }));
    }
    let mut member =
        json!({ "user": user_object, "status": "administrator", "can_be_edited": false, "is_anonymous": false });
    for right in [
        "can_manage_chat",
        "can_delete_messages",
        "can_manage_video_chats",
        "can_restrict_members",
        "can_promote_members",
        "can_change_info",
        "can_invite_users",
        "can_post_stories",
        "can_edit_stories",
        "can_delete_stories",
    ] {
        member[right] = json!(right == "can_manage_chat" || right == "can_delete_messages");
    }
    Ok(member)
}

fn me(town: &Town) -> Value {
    let mut me = Town::bot();
    me["can_join_groups"] = json!(town.can_join_groups);
    me["can_read_all_group_messages"] = json!(town.reads_all_group_messages);
    for no in ["supports_inline_queries", "can_connect_to_business", "has_main_web_app", "has_topics_enabled"] {
        me[no] = json!(false);
    }
    me
}

fn set_webhook(town: &mut Town, params: &Params) -> Answer {
    let url = params.text("url").unwrap_or_default();
    if url.is_empty() {
        town.webhook = None;
        town.ring();
        return Ok(json!(true));
    }
    let bad = |why: &str| Err(Refused::bad_request(format!("bad webhook: {why}")));
    let Ok(parsed) = reqwest::Url::parse(&url) else { return bad("invalid HTTP URL specified") };
    // As a server of one's own does with `--local`: this machine may be called without TLS and on any port.
    let local = parsed.host_str() == Some("127.0.0.1");
    if parsed.scheme() != "https" && !local {
        return bad("An HTTPS URL must be provided for webhook");
    }
    if !local && !matches!(parsed.port_or_known_default(), Some(80 | 88 | 443 | 8443)) {
        return bad("Webhook can be set up only on ports 80, 88, 443 or 8443");
    }
    let secret = params.text("secret_token");
    let spelled = |secret: &str| secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if secret.as_deref().is_some_and(|secret| !(1..=256).contains(&secret.len()) || !spelled(secret)) {
        return Err(Refused::bad_request("secret token contains unallowed characters"));
    }
    let max_connections = params.integer("max_connections").unwrap_or(40).clamp(1, 100);
    set_allowed(town, params);
    if params.flag("drop_pending_updates") == Some(true) {
        town.queue.waiting.clear();
    }
    let webhook = Webhook { url, secret, max_connections };
    if town.webhook.as_ref() != Some(&webhook) {
        // Another webhook starts with an empty memory of what it tried (Client.cpp: the old actor is closed).
        let now = town.clock.now();
        for update in &mut town.queue.waiting {
            (update.not_before, update.tries, update.on_its_way) = (now, 0, false);
        }
        town.webhook = Some(webhook);
    }
    town.ring();
    Ok(json!(true))
}

pub(crate) fn set_allowed(town: &mut Town, params: &Params) {
    if let Some(Value::Array(allowed)) = params.json("allowed_updates") {
        town.queue.allowed = Some(allowed.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    }
}

fn webhook_info(town: &Town) -> Value {
    let mut info = json!({
        "url": town.webhook.as_ref().map(|webhook| webhook.url.as_str()).unwrap_or_default(),
        "has_custom_certificate": false,
        "pending_update_count": town.queue.waiting.len(),
    });
    if let Some(webhook) = &town.webhook {
        info["max_connections"] = json!(webhook.max_connections);
    }
    if let Some(allowed) = &town.queue.allowed {
        info["allowed_updates"] = json!(allowed);
    }
    if let Some((date, message)) = &town.last_webhook_error {
        info["last_error_date"] = json!(date);
        info["last_error_message"] = json!(message);
    }
    info
}

/// Bot API: answerCallbackQuery. The deadline is not documented; the queue's 150 s are taken for it.
fn answer_press(town: &mut Town, params: &Params) -> Answer {
    let text = params.text("text").unwrap_or_default();
    if text.encode_utf16().count() > 200 {
        return Err(Refused::bad_request("MESSAGE_TOO_LONG"));
    }
    let now = town.clock.now();
    let press = params.text("callback_query_id").and_then(|id| town.presses.get_mut(&id));
    match press.filter(|press| now.saturating_sub(press.at).as_secs() < 150 && press.answer.is_none()) {
        Some(press) => {
            press.answer = Some(json!({ "text": text, "show_alert": params.flag("show_alert").unwrap_or(false) }));
            Ok(json!(true))
        }
        None => Err(Refused::bad_request(LATE_ANSWER)),
    }
}

fn menu_key(params: &Params) -> (String, String) {
    let scope = params.json("scope").and_then(|scope| Some(scope["type"].as_str()?.to_owned()));
    (scope.unwrap_or("default".to_owned()), params.text("language_code").unwrap_or_default())
}

fn set_commands(town: &mut Town, params: &Params) -> Answer {
    let Some(Value::Array(commands)) = params.json("commands") else {
        return Err(Refused::bad_request("parameter \"commands\" is required"));
    };
    if commands.len() > 100 {
        return Err(Refused::bad_request("BOT_COMMANDS_TOO_MUCH"));
    }
    for command in &commands {
        let name = command["command"].as_str().unwrap_or_default();
        let spelled = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !(1..=32).contains(&name.len()) || !spelled {
            return Err(Refused::bad_request("BOT_COMMAND_INVALID"));
        }
        let described = command["description"].as_str().unwrap_or_default().chars().count();
        if !(1..=256).contains(&described) {
            return Err(Refused::bad_request("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
    }
    let key = menu_key(params);
    let language_is_right = key.1.is_empty() || key.1.len() == 2 && key.1.bytes().all(|byte| byte.is_ascii_lowercase());
    if !language_is_right {
        return Err(Refused::bad_request("invalid language code specified"));
    }
    town.menus.insert(key, Value::Array(commands));
    Ok(json!(true))
}

fn get_file(town: &Town, params: &Params) -> Answer {
    let id = params.text("file_id").unwrap_or_default();
    let file = town.files.get(&id).ok_or_else(|| Refused::bad_request("invalid file_id"))?;
    Ok(json!({ "file_id": id, "file_unique_id": format!("u{id}"), "file_size": file.content.len(),
               "file_path": format!("files/{id}") }))
}

/// Whether a person's message in a group reaches the bot (core.telegram.org/bots/features#privacy-mode).
pub(crate) fn reaches_the_bot(town: &Town, text: &str, reply_to: Option<&Value>) -> bool {
    let to_the_bot = reply_to.is_some_and(|message| message["from"]["id"] == BOT_ID);
    town.reads_all_group_messages
        || text.starts_with('/')
        || to_the_bot
        || text.contains(&format!("@{}", crate::town::BOT_USERNAME))
}
