//! Messages of the bot: sent, changed, removed, pinned.

use serde_json::{Map, Value, json};

use crate::call::{File, Params};
use crate::fault::{Answer, Refused};
use crate::limits;
use crate::town::{Chat, ChatKind, Poll, Town, shown_entities};

const NOT_MODIFIED: &str = "message is not modified: specified new message content and reply markup are exactly the same \
                            as a current content and reply markup of the message";

pub(crate) fn carry_out(town: &mut Town, method: &str, params: &Params) -> Answer {
    match method {
        "sendMessage" | "sendPhoto" | "sendDocument" | "sendPoll" => send(town, method, params),
        "stopPoll" => stop_poll(town, params),
        "editMessageText" | "editMessageCaption" | "editMessageMedia" | "editMessageReplyMarkup" => {
            edit(town, method, params)
        }
        "deleteMessage" => delete(town, params),
        "pinChatMessage" => {
            let (chat, message) = message_of(town, params, "message to pin not found")?;
            let chat = town.writable(chat)?;
            chat.pinned.retain(|pinned| *pinned != message);
            chat.pinned.push(message);
            Ok(json!(true))
        }
        _ => Err(Refused::no_such_method()),
    }
}

fn chat_id(params: &Params) -> Result<i64, Refused> {
    params.integer("chat_id").ok_or_else(|| Refused::bad_request("chat_id is empty"))
}

fn send(town: &mut Town, method: &str, params: &Params) -> Answer {
    let chat = chat_id(params)?;
    let kind = town.writable(chat)?.kind;
    let thread = params.integer("message_thread_id");
    if thread.is_some() && !matches!(kind, ChatKind::Supergroup { forum: true }) {
        return Err(Refused::bad_request("message thread not found"));
    }
    let markup = params.json("reply_markup");
    limits::keyboard(markup.as_ref())?;
    let mut content = Map::new();
    let mut poll = None;
    match method {
        "sendMessage" => text_into(&mut content, params)?,
        "sendPhoto" => media_into(town, &mut content, params, "photo", params.text("photo").as_deref())?,
        "sendDocument" => media_into(town, &mut content, params, "document", params.text("document").as_deref())?,
        _ => poll = Some(poll_of(chat, params)?),
    }
    if method == "sendPhoto" || method == "sendDocument" {
        caption_into(&mut content, params.text("caption"), params.json("caption_entities"))?;
    }
    let now = town.clock.now();
    town.rates.count(chat, now)?;
    if let Some(markup) = markup {
        content.insert("reply_markup".to_owned(), markup);
    }
    if let Some(thread) = thread {
        content.insert("message_thread_id".to_owned(), json!(thread));
        content.insert("is_topic_message".to_owned(), json!(true));
    }
    let message = town.message(chat, Town::bot(), Value::Object(content));
    let Some(mut poll) = poll else { return Ok(message) };
    let number = message["message_id"].as_i64().unwrap_or_default();
    poll.message = number;
    let id = format!("5{:018}", town.next_id());
    town.polls.insert(id.clone(), poll);
    let object = town.poll_object(&id);
    let stored = town.chats.get_mut(&chat).and_then(|chat| chat.messages.get_mut(&number));
    Ok(match stored {
        Some(stored) => {
            stored["poll"] = object;
            stored.clone()
        }
        None => message,
    })
}

/// Telegram cuts white space off at both ends and moves the entities along.
fn text_into(content: &mut Map<String, Value>, params: &Params) -> Result<(), Refused> {
    let text = params.text("text").unwrap_or_default();
    limits::text(&text)?;
    let mut entities = limits::entities(&text, params.json("entities"))?;
    let cut = text[..text.len() - text.trim_start().len()].encode_utf16().count();
    for entity in &mut entities {
        let offset = entity["offset"].as_u64().unwrap_or_default();
        entity["offset"] = json!(offset.saturating_sub(cut as u64));
    }
    let text = text.trim();
    let entities = shown_entities(text, entities);
    content.insert("text".to_owned(), json!(text));
    content.remove("entities");
    if !entities.is_empty() {
        content.insert("entities".to_owned(), entities.into());
    }
    content.remove("link_preview_options");
    if let Some(options) = params.json("link_preview_options") {
        content.insert("link_preview_options".to_owned(), options);
    }
    Ok(())
}

fn caption_into(
    content: &mut Map<String, Value>,
    caption: Option<String>,
    entities: Option<Value>,
) -> Result<(), Refused> {
    content.remove("caption");
    content.remove("caption_entities");
    let Some(caption) = caption.filter(|caption| !caption.trim().is_empty()) else { return Ok(()) };
    limits::caption(&caption)?;
    let entities = shown_entities(&caption, limits::entities(&caption, entities)?);
    content.insert("caption".to_owned(), json!(caption));
    if !entities.is_empty() {
        content.insert("caption_entities".to_owned(), entities.into());
    }
    Ok(())
}

/// A file that came along gets a name; a name stands for the file it was given to.
fn media_into(
    town: &mut Town,
    content: &mut Map<String, Value>,
    params: &Params,
    kind: &str,
    named: Option<&str>,
) -> Result<(), Refused> {
    let (id, file) = match params.file(kind, named) {
        Some(file) => {
            if kind == "photo" && !is_a_picture(&file.content) {
                return Err(Refused::bad_request("IMAGE_PROCESS_FAILED"));
            }
            if kind == "photo" && file.content.len() > 10_000_000 {
                return Err(Refused::bad_request("file is too big"));
            }
            // As the real names: long, and different for the same bytes as picture and as file.
            let id = format!("AgACAgQAAxk{kind}{:08}", town.next_id());
            town.files.insert(id.clone(), file.clone());
            (id, file.clone())
        }
        None => {
            let known = named.filter(|id| id.contains(kind)).and_then(|id| Some((id.to_owned(), town.files.get(id)?)));
            let wrong = || Refused::bad_request("wrong file identifier/HTTP URL specified");
            known.map(|(id, file)| (id, file.clone())).ok_or_else(wrong)?
        }
    };
    content.remove("photo");
    content.remove("document");
    content.insert(kind.to_owned(), if kind == "photo" { photo(&id) } else { document(&id, &file) });
    Ok(())
}

fn is_a_picture(content: &[u8]) -> bool {
    content.starts_with(b"\x89PNG\r\n") || content.starts_with(b"\xff\xd8\xff") || content.starts_with(b"GIF8")
}

/// Sizes from small to large, the last being the whole.
fn photo(id: &str) -> Value {
    json!([
        { "file_id": format!("{id}-s"), "file_unique_id": format!("us{id}"), "width": 90, "height": 60 },
        { "file_id": id, "file_unique_id": format!("u{id}"), "width": 1200, "height": 800 },
    ])
}

fn document(id: &str, file: &File) -> Value {
    json!({ "file_id": id, "file_unique_id": format!("u{id}"), "file_name": file.name,
            "mime_type": file.content_type, "file_size": file.content.len() })
}

fn poll_of(chat: i64, params: &Params) -> Result<Poll, Refused> {
    let question = params.text("question").unwrap_or_default();
    let Some(Value::Array(options)) = params.json("options") else {
        return Err(Refused::bad_request("parameter \"options\" is required"));
    };
    let options: Vec<String> =
        options.iter().map(|option| option["text"].as_str().unwrap_or_default().to_owned()).collect();
    limits::poll(&question, &options)?;
    Ok(Poll {
        chat,
        message: 0,
        question,
        options,
        multiple: params.flag("allows_multiple_answers").unwrap_or(false),
        anonymous: params.flag("is_anonymous").unwrap_or(true),
        closed: false,
        votes: Default::default(),
    })
}

fn message_of(town: &mut Town, params: &Params, missing: &str) -> Result<(i64, i64), Refused> {
    let chat = chat_id(params)?;
    let known = town.chats.get(&chat).ok_or_else(|| Refused::bad_request("chat not found"))?;
    if let Some(to) = known.migrated_to {
        return Err(Refused::migrated(to));
    }
    let message = params.integer("message_id").filter(|message| known.messages.contains_key(message));
    Ok((chat, message.ok_or_else(|| Refused::bad_request(missing))?))
}

fn stop_poll(town: &mut Town, params: &Params) -> Answer {
    let (chat, message) = message_of(town, params, "message with poll to stop not found")?;
    let found = town.polls.iter_mut().find(|(_, poll)| poll.chat == chat && poll.message == message);
    let Some((id, poll)) = found else { return Err(Refused::bad_request("message with poll to stop not found")) };
    if poll.closed {
        return Err(Refused::bad_request("poll has already been closed"));
    }
    poll.closed = true;
    let id = id.clone();
    town.tell_poll(&id);
    Ok(town.poll_object(&id))
}

fn edit(town: &mut Town, method: &str, params: &Params) -> Answer {
    let (chat, number) = message_of(town, params, "message to edit not found")?;
    town.writable(chat)?;
    let before = town.chats.get(&chat).and_then(|chat| chat.messages.get(&number)).cloned().unwrap_or_default();
    if before["from"] != Town::bot() {
        return Err(Refused::bad_request("message can't be edited"));
    }
    let markup = params.json("reply_markup");
    limits::keyboard(markup.as_ref())?;
    let mut content = before.as_object().cloned().unwrap_or_default();
    match method {
        "editMessageText" => {
            if !content.contains_key("text") {
                return Err(Refused::bad_request("there is no text in the message to edit"));
            }
            text_into(&mut content, params)?;
        }
        "editMessageCaption" => {
            if !content.contains_key("photo") && !content.contains_key("document") {
                return Err(Refused::bad_request("there is no caption in the message to edit"));
            }
            caption_into(&mut content, params.text("caption"), params.json("caption_entities"))?;
        }
        "editMessageMedia" => {
            if content.contains_key("poll") {
                return Err(Refused::bad_request("message can't be edited"));
            }
            let media = params.json("media").ok_or_else(|| Refused::bad_request("media is empty"))?;
            let kind = media["type"].as_str().filter(|kind| matches!(*kind, "photo" | "document"));
            let kind = kind.ok_or_else(|| Refused::bad_request("media type invalid"))?;
            media_into(town, &mut content, params, kind, media["media"].as_str())?;
            for field in ["text", "entities", "link_preview_options"] {
                content.remove(field);
            }
            let entities = media.get("caption_entities").cloned();
            caption_into(&mut content, media["caption"].as_str().map(str::to_owned), entities)?;
        }
        _ => {}
    }
    content.remove("reply_markup");
    if let Some(markup) = markup {
        content.insert("reply_markup".to_owned(), markup);
    }
    if Value::Object(content.clone()) == before {
        return Err(Refused::bad_request(NOT_MODIFIED));
    }
    // Shown, though not compared.
    let mut after = Value::Object(content);
    let date = town.clock.unix();
    if let Some(chat) = town.chats.get_mut(&chat) {
        chat.messages.insert(number, after.clone());
    }
    after["edit_date"] = json!(date);
    Ok(after)
}

fn delete(town: &mut Town, params: &Params) -> Answer {
    let (chat, message) = message_of(town, params, "message to delete not found")?;
    let now = town.clock.unix();
    let Some(Chat { messages, .. }) = town.chats.get_mut(&chat) else { return Ok(json!(true)) };
    let date = messages.get(&message).and_then(|message| message["date"].as_u64()).unwrap_or(now);
    // Bot API: deleteMessage, 48 hours.
    if now.saturating_sub(date) >= 48 * 3600 {
        return Err(Refused::bad_request("message can't be deleted for everyone"));
    }
    messages.remove(&message);
    Ok(json!(true))
}
