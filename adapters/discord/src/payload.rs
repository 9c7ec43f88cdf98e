//! What a part is in Discord's own words (docs: Create Message).

use bot_core::action::{ActionPayload, ActionToken};
use bot_core::adapter::{ConversationKind, ConversationRef};
use bot_core::message::layout::{ButtonLimits, PollLimits};
use bot_core::message::{Block, Body, Capabilities, Document, Layout, Part, Poll, TextUnit};
use serde_json::{Value, json};

use crate::components::{BUTTONS_MAX, LABEL_CHARACTERS_MAX, components};
use crate::markup;

const CONTENT_CHARACTERS_MAX: usize = 2000;
/// An attachment's description (docs: Attachment Object).
const DESCRIPTION_CHARACTERS_MAX: usize = 1024;
/// What a bot may attach without paid extras (docs: Uploading Files).
pub(crate) const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Links are shown without a preview of the page they lead to (docs: Message Flags).
const SUPPRESS_EMBEDS: u64 = 1 << 2;
/// The longest that a poll may stay open: 32 days (docs: Poll Create Request). We close it ourselves before.
const POLL_HOURS_MAX: u32 = 768;
/// Discord takes no message without words; nobody sees or hears this.
const NOTHING: &str = "\u{200b}";

pub(crate) fn capabilities(conversation: &ConversationRef) -> Capabilities {
    Capabilities {
        text_unit: TextUnit::Scalar,
        text_units_max: CONTENT_CHARACTERS_MAX,
        caption_units_max: DESCRIPTION_CHARACTERS_MAX,
        buttons: Some(ButtonLimits { count_max: BUTTONS_MAX, label_units_max: LABEL_CHARACTERS_MAX }),
        pictures: true,
        files: true,
        polls: Some(PollLimits { options_max: 10, question_units_max: 300, option_units_max: 55 }),
        edits: true,
        private: conversation.kind == ConversationKind::Direct,
    }
}

pub(crate) fn layout(
    document: &Document,
    conversation: &ConversationRef,
    seal: &(dyn Fn(&ActionPayload) -> ActionToken + Sync),
) -> Layout {
    let measure = |blocks: &[Block]| markup::content(blocks).chars().count();
    Layout::of(document, &capabilities(conversation), measure, seal)
}

/// A message, without the file that a picture or file part brings along.
pub(crate) fn message(part: &Part, file_name: Option<&str>) -> Value {
    let mut message = json!({ "allowed_mentions": { "parse": [] }, "flags": SUPPRESS_EMBEDS });
    match &part.body {
        Body::Text { blocks } => {
            let content = markup::content(blocks);
            message["content"] = json!(if content.trim().is_empty() { NOTHING } else { &content });
        }
        Body::Picture { alternative, .. } => {
            message["attachments"] = json!([{ "id": "0", "filename": file_name, "description": alternative }]);
        }
        Body::File { label, .. } => {
            message["content"] = json!(clipped(&markup::escape(label, ""), CONTENT_CHARACTERS_MAX));
            let description = clipped(label, DESCRIPTION_CHARACTERS_MAX);
            message["attachments"] = json!([{ "id": "0", "filename": file_name, "description": description }]);
        }
        Body::Poll { poll } => message["poll"] = self::poll(poll),
    }
    if !part.buttons.is_empty() {
        message["components"] = components(&part.buttons);
    }
    message
}

fn poll(poll: &Poll) -> Value {
    let answers: Vec<Value> = poll.options.iter().map(|option| json!({ "poll_media": { "text": option } })).collect();
    json!({
        "question": { "text": poll.question },
        "answers": answers,
        "duration": POLL_HOURS_MAX,
        "allow_multiselect": poll.multiple,
        "layout_type": 1,
    })
}

/// A file's label is the one text that the layout does not measure.
fn clipped(text: &str, characters_max: usize) -> String {
    if text.chars().count() <= characters_max {
        return text.to_owned();
    }
    text.chars().take(characters_max - 1).chain(['…']).collect()
}

/// A name that Discord leaves as it is; some beginnings mean something to it.
pub(crate) fn file_name(name: &str) -> String {
    let safe = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-');
    let name: String = name.chars().map(|character| if safe(character) { character } else { '-' }).collect();
    let name = name.trim_matches(['-', '.']);
    if name.is_empty() { "fichier".to_owned() } else { name.chars().take(100).collect() }
}

#[cfg(test)]
mod tests {
    use bot_core::message::{MediaHash, Table, Text};
    use proptest::prelude::*;

    use super::*;

    fn direct() -> ConversationRef {
        crate::inbound::direct(1)
    }

    fn render(document: &Document) -> Layout {
        layout(document, &direct(), &|payload| ActionToken(String::from(payload.clone())))
    }

    fn sent_content(part: &Part) -> String {
        message(part, None)["content"].as_str().unwrap_or_default().to_owned()
    }

    /// A message as it is read: without marks and escapes.
    pub fn as_read(content: &str) -> String {
        let mut read = String::new();
        let mut characters = content.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\\' => read.extend(characters.next()),
                '*' | '_' | '`' | '~' | '|' | '\u{200b}' => {}
                _ => read.push(character),
            }
        }
        read
    }

    /// Marks that Discord would act on, wherever they are not escaped. The document below makes none itself.
    fn live_marks(content: &str) -> Vec<String> {
        let mut found = Vec::new();
        for line in content.split('\n') {
            let bare = without_escaped(line);
            let start = bare.trim_start();
            let number = start.trim_start_matches(|character: char| character.is_ascii_digit());
            let counted = start.len() > number.len() && number.starts_with(['.', ')']);
            if start.starts_with(['#', '>', '-', '+']) || counted {
                found.push(format!("the line {line:?}"));
            }
            if bare.contains(['*', '_', '~', '`', '|', '[', ']', '<']) {
                found.push(format!("a mark in {line:?}"));
            }
            if bare.contains("@everyone") || bare.contains("@here") || bare.contains("://") {
                found.push(format!("a mention or link in {line:?}"));
            }
        }
        found
    }

    /// What is escaped stands for itself: something harmless is put in its place.
    fn without_escaped(line: &str) -> String {
        let mut bare = String::new();
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => bare.extend(characters.next().map(|_| 'x')),
                _ => bare.push(character),
            }
        }
        bare
    }

    fn letters(text: &str) -> String {
        text.chars().filter(|character| character.is_alphanumeric()).collect()
    }

    fn action(byte: u8) -> ActionPayload {
        ActionPayload::new([byte]).unwrap()
    }

    fn everything() -> Document {
        let rows = vec![vec!["Samedi".into(), "12".into()], vec!["Dimanche".into(), "7".into()]];
        let text = Text::new()
            .plain("Quelle ")
            .strong("halle")
            .plain(" ? Voir ")
            .link("le projet", "https://ville.example/halle_2")
            .plain(" et *rien* d'@everyone.");
        Document::new()
            .heading("Marché couvert")
            .paragraph(text)
            .list(["une", "# deux"])
            .table(Table { header: vec!["Jour".into(), "Voix".into()], rows })
            .figure(MediaHash::of(b"x"), "Samedi : douze voix, dimanche : sept")
            .poll(Poll {
                question: "Quel jour ?".into(),
                options: vec!["Samedi".into(), "Dimanche".into()],
                multiple: false,
            })
            .paragraph("Votre avis :")
            .choice("Couverte", action(1))
            .chosen("Ouverte", action(2))
            .step("Retour", action(3))
    }

    #[test]
    fn a_document_with_everything() {
        let parts: Vec<Value> =
            render(&everything()).parts.iter().map(|part| message(part, Some("graphique.png"))).collect();
        let content = parts[0]["content"].as_str().unwrap();
        // What keeps `@everyone` from being a mention is not seen: here it is.
        insta::assert_snapshot!(content.replace('\u{200b}', "{200b}"), @r"
        ### Marché couvert

        Quelle **halle** ? Voir [le projet](<https://ville.example/halle_2>) et \*rien\* d'@{200b}everyone.

        - une
        - \# deux

        - Jour : Samedi · Voix : 12
        - Jour : Dimanche · Voix : 7
        ");
        let others: Vec<String> = parts[1..].iter().map(Value::to_string).collect();
        insta::assert_snapshot!(others.join("\n"), @r#"
        {"allowed_mentions":{"parse":[]},"attachments":[{"description":"Samedi : douze voix, dimanche : sept","filename":"graphique.png","id":"0"}],"flags":4}
        {"allowed_mentions":{"parse":[]},"flags":4,"poll":{"allow_multiselect":false,"answers":[{"poll_media":{"text":"Samedi"}},{"poll_media":{"text":"Dimanche"}}],"duration":768,"layout_type":1,"question":{"text":"Quel jour ?"}}}
        {"allowed_mentions":{"parse":[]},"components":[{"components":[{"custom_id":"AQ","label":"Couverte","style":1,"type":2}],"type":1},{"components":[{"custom_id":"Ag","label":"✓ Ouverte","style":3,"type":2}],"type":1},{"components":[{"custom_id":"Aw","label":"Retour","style":2,"type":2}],"type":1}],"content":"Votre avis :","flags":4}
        "#);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

        #[test]
        fn nothing_people_write_becomes_markup_and_nothing_is_lost(
            paragraphs in prop::collection::vec(
                r"[a-zé *_~`|\[\]()<>#@:/\\.+\-0-9\n!&]{0,200}|(@everyone|@here|<@12>|https://x\.fr|\[a\]\(http://b\.fr\)|:smile:|\n# t|\n> q|\n- l|\n12\. n|```| ){1,8}",
                1..5,
            ),
            long in 0usize..900,
        ) {
            let mut document = Document::new();
            for paragraph in &paragraphs {
                document = document.paragraph(paragraph.as_str());
            }
            document = document.paragraph("Encore *un* mot. ".repeat(long));
            let layout = render(&document);
            let mut read = String::new();
            for part in &layout.parts {
                let Body::Text { .. } = &part.body else { panic!("only text went in") };
                let content = sent_content(part);
                prop_assert!(content.chars().count() <= 2000, "{} characters", content.chars().count());
                prop_assert_eq!(live_marks(&content), Vec::<String>::new());
                read.push_str(&as_read(&content));
            }
            let said: String = paragraphs.iter().map(|paragraph| letters(paragraph)).collect();
            prop_assert!(letters(&read).contains(&said));
            prop_assert_eq!(letters(&read).matches("Encore").count(), long);
        }

        #[test]
        fn no_list_table_or_heading_breaks_the_limits(
            cells in prop::collection::vec(prop::collection::vec("[a-z*#|\n]{0,60}", 3), 0..40),
            items in prop::collection::vec(r"[a-z*_\-#>\n ]{0,120}", 0..40),
            heading in "[a-z#* \n]{0,80}",
        ) {
            let table = Table { header: vec!["Jour".into(), "Voix".into(), "Part".into()], rows: cells.clone() };
            let document = Document::new().heading(heading.as_str()).list(items.iter().map(String::as_str)).table(table);
            let layout = render(&document);
            let read: String = layout.parts.iter().map(|part| as_read(&sent_content(part))).collect();
            prop_assert!(layout.parts.iter().all(|part| sent_content(part).chars().count() <= 2000));
            for word in items.iter().chain(cells.iter().flatten()).map(|text| letters(text)) {
                prop_assert!(letters(&read).contains(&word), "{word}");
            }
        }
    }
}
