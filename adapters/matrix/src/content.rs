//! A part as the content of a Matrix event, and the limits that keep it within one.

use bot_core::adapter::RemoteMediaId;
use bot_core::message::layout::PollLimits;
use bot_core::message::{Block, Body, Capabilities, Part, Poll, TextUnit};
use bot_core::store::media::Media;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::html::{Shown, clean, show};

/// An event may have 65,536 bytes (Matrix specification, size limits). Encryption makes 4 of 3, and an edit holds its
/// text twice: this leaves a third for everything else.
const TEXT_BYTES_MAX: usize = 16 * 1024;
const CAPTION_BYTES_MAX: usize = 4 * 1024;
/// MSC3381.
const POLL_OPTIONS_MAX: usize = 20;
/// Clients let people write questions and answers of 340 characters; this many bytes are never more.
const POLL_BYTES_MAX: usize = 340;
/// In the content of all we send: the part it is, so that it is found again also by the next device.
pub(crate) const PART: &str = "org.crieur.part";

pub(crate) const fn capabilities(private: bool) -> Capabilities {
    Capabilities {
        text_unit: TextUnit::Bytes,
        text_units_max: TEXT_BYTES_MAX,
        caption_units_max: CAPTION_BYTES_MAX,
        buttons: None,
        pictures: true,
        files: true,
        polls: Some(PollLimits {
            options_max: POLL_OPTIONS_MAX,
            question_units_max: POLL_BYTES_MAX,
            option_units_max: POLL_BYTES_MAX,
        }),
        edits: true,
        private,
    }
}

/// One event to send.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Content {
    pub event_type: &'static str,
    pub content: Value,
}

/// Why a part cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NoMedia;

/// What an upload gave: an encrypted copy, which every recipient's event opens with its key. The homeserver stores
/// what it cannot read, also for the rooms that are not encrypted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Uploaded {
    /// `EncryptedFile` of the specification.
    file: Value,
    name: String,
    mimetype: String,
    bytes: usize,
    /// Width and height, which keep a client's page from jumping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pixels: Option<(u32, u32)>,
}

impl Uploaded {
    pub(crate) fn new(file: Value, media: &Media) -> Self {
        Self {
            file,
            name: media.file_name.clone(),
            mimetype: media.content_type.clone(),
            bytes: media.content.len(),
            pixels: png_pixels(&media.content),
        }
    }

    pub(crate) fn remote(&self) -> Option<RemoteMediaId> {
        serde_json::to_string(self).ok().map(RemoteMediaId)
    }

    fn of(remote: Option<&RemoteMediaId>) -> Result<Self, NoMedia> {
        remote.and_then(|remote| serde_json::from_str(&remote.0).ok()).ok_or(NoMedia)
    }
}

/// The content for a part. `key` tells it apart from all others we ever send.
pub(crate) fn of(part: &Part, media: Option<&RemoteMediaId>, key: &str) -> Result<Content, NoMedia> {
    let (event_type, mut content) = match &part.body {
        Body::Text { blocks } => ("m.room.message", text(blocks)),
        Body::Picture { alternative, .. } => ("m.room.message", picture(&Uploaded::of(media)?, alternative)),
        Body::File { label, .. } => ("m.room.message", file(&Uploaded::of(media)?, label)),
        Body::Poll { poll } => ("org.matrix.msc3381.poll.start", poll_start(poll)),
    };
    content["m.mentions"] = json!({});
    content[PART] = key.into();
    Ok(Content { event_type, content })
}

/// The content that replaces an earlier event. `None` for what cannot be replaced: a poll in another wording would be
/// another question.
pub(crate) fn replacement(part: &Part, earlier: &str, key: &str) -> Option<Content> {
    let Body::Text { blocks } = &part.body else { return None };
    let mut content = text(blocks);
    content["m.mentions"] = json!({});
    let words = content["body"].as_str().unwrap_or_default();
    let replacement = json!({
        "msgtype": "m.text",
        "body": format!("* {words}"),
        "m.new_content": content,
        "m.relates_to": { "rel_type": "m.replace", "event_id": earlier },
        "m.mentions": {},
        PART: key,
    });
    Some(Content { event_type: "m.room.message", content: replacement })
}

fn text(blocks: &[Block]) -> Value {
    let Shown { html, plain } = show(blocks);
    json!({ "msgtype": "m.text", "body": plain, "format": "org.matrix.custom.html", "formatted_body": html })
}

fn picture(uploaded: &Uploaded, alternative: &str) -> Value {
    let mut info = json!({ "mimetype": uploaded.mimetype, "size": uploaded.bytes });
    if let Some((width, height)) = uploaded.pixels {
        info["w"] = width.into();
        info["h"] = height.into();
    }
    // A body that is not the file's name is the caption: it says in words what the picture shows.
    json!({ "msgtype": "m.image", "body": clean(alternative), "filename": uploaded.name, "file": uploaded.file,
            "info": info })
}

fn file(uploaded: &Uploaded, label: &str) -> Value {
    json!({ "msgtype": "m.file", "body": clean(label), "filename": uploaded.name, "file": uploaded.file,
            "info": { "mimetype": uploaded.mimetype, "size": uploaded.bytes } })
}

/// Under its unstable names, which are the ones that clients show. An answer's id is its place in the list, from 1.
fn poll_start(poll: &Poll) -> Value {
    let lines = poll.options.iter().zip(1..).map(|(option, number)| format!("\n{number}. {option}"));
    let words = clean(&format!("{}{}", poll.question, lines.collect::<String>()));
    let answers: Vec<Value> = poll
        .options
        .iter()
        .zip(1..)
        .map(|(option, number)| json!({ "id": number.to_string(), "org.matrix.msc1767.text": clean(option) }))
        .collect();
    let selections_max = if poll.multiple { poll.options.len() } else { 1 };
    json!({
        "org.matrix.msc3381.poll.start": {
            "question": { "org.matrix.msc1767.text": clean(&poll.question), "msgtype": "m.text",
                          "body": clean(&poll.question) },
            "kind": "org.matrix.msc3381.poll.disclosed",
            "max_selections": selections_max,
            "answers": answers,
        },
        "org.matrix.msc1767.text": words,
        // For clients without polls, which show a `body` or nothing.
        "msgtype": "m.text",
        "body": words,
    })
}

/// From the header that begins every PNG file.
fn png_pixels(content: &[u8]) -> Option<(u32, u32)> {
    let header = content.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(8..16)?;
    let (width, height) = header.split_at_checked(4)?;
    Some((u32::from_be_bytes(width.try_into().ok()?), u32::from_be_bytes(height.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use bot_core::action::{ActionPayload, ActionToken};
    use bot_core::message::layout::words_of;
    use bot_core::message::{Document, Layout, MediaHash, Table, Text};
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;
    use crate::html::{json_bytes, measure};

    fn lay_out(document: &Document) -> Layout {
        let seal = |_: &ActionPayload| ActionToken("token".into());
        Layout::of(document, &capabilities(true), measure, seal)
    }

    fn uploaded() -> RemoteMediaId {
        let media = Media {
            hash: MediaHash([0; 32]),
            content_type: "image/png".into(),
            file_name: "resultats.png".into(),
            content: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x02\0rest".to_vec(),
        };
        Uploaded::new(json!({ "url": "mxc://localhost/x", "v": "v2" }), &media).remote().unwrap()
    }

    fn contents(document: &Document) -> String {
        let media = uploaded();
        let parts = lay_out(document).parts;
        let contents = parts.iter().map(|part| of(part, Some(&media), "part.0").unwrap());
        contents
            .map(|content| {
                format!("{} {}", content.event_type, serde_json::to_string_pretty(&content.content).unwrap())
            })
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn action(byte: u8) -> ActionPayload {
        ActionPayload::new([byte]).unwrap()
    }

    #[test]
    fn a_document_with_everything() {
        let table = Table {
            header: vec!["Choix".into(), "Voix".into()],
            rows: vec![vec!["Halle <couverte>".into(), "12".into()]],
        };
        let document = Document::new()
            .heading("Marché couvert")
            .paragraph(
                Text::new()
                    .plain("Bonjour @maire:example.org, ")
                    .strong("votez")
                    .link(" ici", "https://example.org/?a&b"),
            )
            .list(["une", "deux"])
            .table(table)
            .figure(MediaHash([0; 32]), "Halle couverte : douze voix")
            .choice("Couverte", action(1))
            .chosen("Ouverte", action(2))
            .step("Retour", action(3));
        assert_snapshot!(contents(&document), @r##"
        m.room.message {
          "body": "Marché couvert\n\nBonjour @maire:example.org, votez ici (https://example.org/?a&b)\n\n• une\n• deux\n\nChoix | Voix\nHalle <couverte> | 12",
          "format": "org.matrix.custom.html",
          "formatted_body": "<h3>Marché couvert</h3><p>Bonjour @maire:example.org, <strong>votez</strong><a href=\"https://example.org/?a&amp;b\"> ici</a></p><ul><li>une</li><li>deux</li></ul><table><thead><tr><th>Choix</th><th>Voix</th></tr></thead><tbody><tr><td>Halle &lt;couverte&gt;</td><td>12</td></tr></tbody></table>",
          "m.mentions": {},
          "msgtype": "m.text",
          "org.crieur.part": "part.0"
        }
        m.room.message {
          "body": "Halle couverte : douze voix",
          "file": {
            "url": "mxc://localhost/x",
            "v": "v2"
          },
          "filename": "resultats.png",
          "info": {
            "h": 512,
            "mimetype": "image/png",
            "size": 28,
            "w": 1024
          },
          "m.mentions": {},
          "msgtype": "m.image",
          "org.crieur.part": "part.0"
        }
        m.room.message {
          "body": "1. Couverte\n\n2. Ouverte ✓\n\n3. Retour",
          "format": "org.matrix.custom.html",
          "formatted_body": "<p>1. Couverte</p><p>2. Ouverte ✓</p><p>3. Retour</p>",
          "m.mentions": {},
          "msgtype": "m.text",
          "org.crieur.part": "part.0"
        }
        "##);
    }

    #[test]
    fn a_poll_has_its_words_for_clients_without_polls() {
        let poll =
            Poll { question: "Quel jour ?".into(), options: vec!["samedi".into(), "dimanche".into()], multiple: false };
        assert_snapshot!(contents(&Document::new().poll(poll)), @r##"
        org.matrix.msc3381.poll.start {
          "body": "Quel jour ?\n1. samedi\n2. dimanche",
          "m.mentions": {},
          "msgtype": "m.text",
          "org.crieur.part": "part.0",
          "org.matrix.msc1767.text": "Quel jour ?\n1. samedi\n2. dimanche",
          "org.matrix.msc3381.poll.start": {
            "answers": [
              {
                "id": "1",
                "org.matrix.msc1767.text": "samedi"
              },
              {
                "id": "2",
                "org.matrix.msc1767.text": "dimanche"
              }
            ],
            "kind": "org.matrix.msc3381.poll.disclosed",
            "max_selections": 1,
            "question": {
              "body": "Quel jour ?",
              "msgtype": "m.text",
              "org.matrix.msc1767.text": "Quel jour ?"
            }
          }
        }
        "##);
    }

    #[test]
    fn an_edit_names_what_it_replaces() {
        let layout = lay_out(&Document::says("après"));
        let content = replacement(&layout.parts[0], "$avant", "part.0").unwrap().content;
        assert_snapshot!(serde_json::to_string_pretty(&content).unwrap(), @r##"
        {
          "body": "* après",
          "m.mentions": {},
          "m.new_content": {
            "body": "après",
            "format": "org.matrix.custom.html",
            "formatted_body": "<p>après</p>",
            "m.mentions": {},
            "msgtype": "m.text"
          },
          "m.relates_to": {
            "event_id": "$avant",
            "rel_type": "m.replace"
          },
          "msgtype": "m.text",
          "org.crieur.part": "part.0"
        }
        "##);
        let poll = Poll { question: "?".into(), options: vec!["a".into(), "b".into()], multiple: true };
        let layout = lay_out(&Document::new().poll(poll));
        assert_eq!(replacement(&layout.parts[0], "$avant", "part.0"), None);
    }

    #[test]
    fn a_picture_without_its_upload_is_not_sent() {
        let layout = lay_out(&Document::new().figure(MediaHash([0; 32]), "words"));
        assert_eq!(of(&layout.parts[0], None, "part.0"), Err(NoMedia));
    }

    fn letters(text: &str) -> String {
        text.chars().filter(|character| character.is_alphanumeric()).collect()
    }

    /// The text that a browser would show, or nothing when it would meet a tag that is not ours.
    fn shown(html: &str) -> Option<String> {
        const TAGS: [&str; 16] = [
            "p", "h3", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "strong", "em", "code", "a", "br",
        ];
        let (mut text, mut rest) = (String::new(), html);
        while let Some((before, after)) = rest.split_once('<') {
            let (tag, after) = after.split_once('>')?;
            let name = tag.trim_start_matches('/');
            let ours = TAGS.contains(&name) || name.starts_with("a href=\"http") && name.matches('"').count() == 2;
            if !ours {
                return None;
            }
            text.push_str(before);
            rest = after;
        }
        text.push_str(rest);
        let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        Some(entities.iter().fold(text, |text, (entity, character)| text.replace(entity, character)))
    }

    fn words() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[a-z<>&\"'@#:/!. \\\\\n]{0,80}",
            "(<script>alert\\(1\\)</script>|@room|@a:b|&lt;|</p>|\u{0}){0,9}",
            "[é🏛 .]{0,9000}",
        ]
    }

    fn document() -> impl Strategy<Value = Document> {
        let span = (words(), words(), 0..4u8)
            .prop_map(|(one, other, kind)| match kind {
                0 => Text::new().plain(one),
                1 => Text::new().strong(one),
                2 => Text::new().code(one).emphasis(other),
                _ => Text::new().link(one, format!("https://example.org/{other}")),
            })
            .boxed();
        let block = prop_oneof![
            span.clone().prop_map(|text| Document::new().paragraph(text)),
            span.clone().prop_map(|text| Document::new().heading(text)),
            prop::collection::vec(span, 1..6).prop_map(|items| Document::new().list(items)),
            prop::collection::vec(prop::collection::vec(words(), 2), 1..6)
                // A table that is split repeats its header.
                .prop_map(|rows| { Document::new().table(Table { header: vec!["…".into(), "…".into()], rows }) }),
        ];
        prop::collection::vec(block, 1..5).prop_map(|documents| Document {
            blocks: documents.into_iter().flat_map(|document| document.blocks).collect(),
            choices: Vec::new(),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn every_part_fits_and_shows_its_words_as_they_are(document in document()) {
            let said: String = document.blocks.iter().map(words_of).collect();
            let layout = lay_out(&document);
            let (mut html, mut plain) = (String::new(), String::new());
            for part in &layout.parts {
                let content = of(part, None, "0123456789012345678901.24").unwrap().content;
                let text = |field: &str| content[field].as_str().unwrap().to_owned();
                prop_assert!(json_bytes(&text("body")) + json_bytes(&text("formatted_body")) <= TEXT_BYTES_MAX);
                // As an edit, encrypted: base64 of the JSON, in an envelope.
                let edit = replacement(part, "$0123456789012345678901234567890123456789012", "0123456789012345678901.24");
                let edit = serde_json::to_string(&edit.unwrap().content).unwrap();
                prop_assert!(edit.len() * 4 / 3 + 4096 <= 65_536, "{} bytes", edit.len());
                prop_assert_eq!(&content["m.mentions"], &json!({}));
                let shown = shown(&text("formatted_body"));
                prop_assert!(shown.is_some(), "a tag that is not ours");
                html.push_str(&shown.unwrap());
                plain.push_str(&text("body"));
            }
            // A single character larger than a message does not occur: nothing is lost.
            prop_assert_eq!(letters(&plain), letters(&said));
            // A link's address is an attribute there.
            let is_linked = document.blocks.iter().any(|block| words_of(block).contains("https://"));
            prop_assert!(is_linked || letters(&html).contains(&letters(&said)));
        }
    }
}
