//! What one event of a room says, read from its JSON. Events are read by hand: stable and unstable names of the same
//! thing are both understood, and what is malformed says nothing instead of stopping the rest.

use serde_json::Value;

/// The unstable names of polls (MSC3381), which clients use to this day.
const UNSTABLE_POLL: &str = "org.matrix.msc3381.poll";

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Meaning {
    Text(String),
    Membership {
        user: String,
        now: Membership,
        before: Membership,
    },
    Upgraded {
        replacement: String,
    },
    Reaction {
        message: String,
        key: String,
    },
    Redaction {
        of: String,
    },
    PollResponse {
        poll: String,
        answers: Vec<String>,
    },
    PollEnd {
        poll: String,
    },
    /// Its key has not arrived yet.
    Sealed,
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Membership {
    Invited,
    Joined,
    Out,
}

impl Meaning {
    pub(crate) fn of(event: &Value) -> Self {
        let content = &event["content"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let meaning = match event["type"].as_str().unwrap_or_default() {
            "m.room.message" => text_of(content).map(Self::Text),
            "m.room.member" => text(&event["state_key"]).map(|user| Self::Membership {
                user,
                now: membership(content),
                before: membership(&event["unsigned"]["prev_content"]),
            }),
            "m.room.tombstone" => text(&content["replacement_room"]).map(|replacement| Self::Upgraded { replacement }),
            "m.reaction" => {
                let relation = &content["m.relates_to"];
                match (relation["rel_type"].as_str(), text(&relation["event_id"]), text(&relation["key"])) {
                    (Some("m.annotation"), Some(message), Some(key)) => Some(Self::Reaction { message, key }),
                    _ => None,
                }
            }
            // Until room version 11 the event itself names what it redacts; since then its content does.
            "m.room.redaction" => {
                text(&content["redacts"]).or_else(|| text(&event["redacts"])).map(|of| Self::Redaction { of })
            }
            "m.poll.response" => {
                poll_of(content).map(|poll| Self::PollResponse { poll, answers: strings(&content["m.selections"]) })
            }
            "org.matrix.msc3381.poll.response" => poll_of(content).map(|poll| {
                let answers = strings(&content[format!("{UNSTABLE_POLL}.response")]["answers"]);
                Self::PollResponse { poll, answers }
            }),
            "m.poll.end" | "org.matrix.msc3381.poll.end" => poll_of(content).map(|poll| Self::PollEnd { poll }),
            "m.room.encrypted" if content.get("ciphertext").is_some() => Some(Self::Sealed),
            _ => None,
        };
        meaning.unwrap_or(Self::Nothing)
    }
}

/// What a person wrote. Notices are other bots', edits repeat what was taken already, and both say nothing.
fn text_of(content: &Value) -> Option<String> {
    let relation = &content["m.relates_to"];
    if content["msgtype"].as_str() != Some("m.text") || relation["rel_type"].as_str() == Some("m.replace") {
        return None;
    }
    let body = content["body"].as_str()?;
    let text = if relation["m.in_reply_to"].is_object() { without_quote(body) } else { body };
    Some(text.to_owned())
}

/// Older clients put what is replied to before the reply, line by line after `> `, and an empty line.
fn without_quote(body: &str) -> &str {
    let mut rest = body;
    while rest.starts_with("> ") || rest.starts_with(">\n") {
        match rest.split_once('\n') {
            Some((_, after)) => rest = after,
            // Nothing but a quotation: it is what the person wrote.
            None => return body,
        }
    }
    if rest.len() == body.len() { body } else { rest.trim_start_matches('\n') }
}

fn membership(content: &Value) -> Membership {
    match content["membership"].as_str() {
        Some("join") => Membership::Joined,
        Some("invite") => Membership::Invited,
        _ => Membership::Out,
    }
}

fn poll_of(content: &Value) -> Option<String> {
    let relation = &content["m.relates_to"];
    let is_reference = relation["rel_type"].as_str() == Some("m.reference");
    relation["event_id"].as_str().filter(|_| is_reference).map(str::to_owned)
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(content: Value) -> Meaning {
        Meaning::of(&json!({ "type": "m.room.message", "content": content }))
    }

    #[test]
    fn what_a_person_writes_is_text() {
        let text = |text: &str| Meaning::Text(text.to_owned());
        assert_eq!(message(json!({ "msgtype": "m.text", "body": "1" })), text("1"));
        assert_eq!(message(json!({ "msgtype": "m.notice", "body": "1" })), Meaning::Nothing);
        assert_eq!(message(json!({ "msgtype": "m.image", "body": "1" })), Meaning::Nothing);
        assert_eq!(message(json!({})), Meaning::Nothing, "a redacted message");
        let edit = json!({ "msgtype": "m.text", "body": "* 2", "m.relates_to": { "rel_type": "m.replace" } });
        assert_eq!(message(edit), Meaning::Nothing);
        let reply = |body: &str| {
            message(
                json!({ "msgtype": "m.text", "body": body, "m.relates_to": { "m.in_reply_to": { "event_id": "$1" } } }),
            )
        };
        assert_eq!(reply("> <@crieur:b> Quelle halle ?\n> 1. Oui\n\n2"), text("2"));
        assert_eq!(reply("2"), text("2"));
        assert_eq!(reply("> 2"), text("> 2"));
        assert_eq!(message(json!({ "msgtype": "m.text", "body": "> 2\n\n3" })), text("> 2\n\n3"));
    }

    #[test]
    fn polls_are_read_under_both_names() {
        let relation = json!({ "rel_type": "m.reference", "event_id": "$poll" });
        let expected = Meaning::PollResponse { poll: "$poll".into(), answers: vec!["1".into(), "3".into()] };
        let unstable = json!({ "type": "org.matrix.msc3381.poll.response", "content": {
            "m.relates_to": relation, "org.matrix.msc3381.poll.response": { "answers": ["1", "3"] } } });
        assert_eq!(Meaning::of(&unstable), expected);
        let stable = json!({ "type": "m.poll.response", "content": {
            "m.relates_to": relation, "m.selections": ["1", "3"] } });
        assert_eq!(Meaning::of(&stable), expected);
        let end = json!({ "type": "m.poll.end", "content": { "m.relates_to": relation } });
        assert_eq!(Meaning::of(&end), Meaning::PollEnd { poll: "$poll".into() });
    }

    #[test]
    fn redactions_are_read_in_old_and_new_rooms() {
        let expected = Meaning::Redaction { of: "$1".into() };
        assert_eq!(Meaning::of(&json!({ "type": "m.room.redaction", "redacts": "$1", "content": {} })), expected);
        assert_eq!(Meaning::of(&json!({ "type": "m.room.redaction", "content": { "redacts": "$1" } })), expected);
    }

    #[test]
    fn members_come_and_go() {
        let left = json!({ "type": "m.room.member", "state_key": "@a:b", "content": { "membership": "leave" },
                           "unsigned": { "prev_content": { "membership": "join" } } });
        let expected = Meaning::Membership { user: "@a:b".into(), now: Membership::Out, before: Membership::Joined };
        assert_eq!(Meaning::of(&left), expected);
        let banned = json!({ "type": "m.room.member", "state_key": "@a:b", "content": { "membership": "ban" } });
        assert!(matches!(Meaning::of(&banned), Meaning::Membership { now: Membership::Out, .. }));
    }

    #[test]
    fn what_is_malformed_says_nothing() {
        for event in [json!(null), json!([]), json!({ "type": 3 }), json!({ "type": "m.reaction", "content": "x" })] {
            assert_eq!(Meaning::of(&event), Meaning::Nothing);
        }
    }
}
