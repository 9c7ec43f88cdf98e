//! Renderings as Telegram gets them, and what holds for all of them.

use bot_core::action::ActionPayload;
use bot_core::message::{Body, Document, Layout, MediaHash, Poll, Table, Text, TextUnit};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stand::{Stand, direct, render, request, sent};
use bot_core::adapter::Adapter;

fn action(byte: u8) -> ActionPayload {
    ActionPayload::new([byte]).unwrap()
}

/// The calls that a document becomes, as the fake received them.
async fn calls(stand: &Stand, document: &Document) -> (Layout, Vec<Value>) {
    let adapter = stand.adapter();
    stand.fake.person(42).has_started();
    let conversation = direct(42);
    let layout = render(&adapter, document, &conversation);
    let before = stand.fake.calls().len();
    for part in &layout.parts {
        sent(adapter.send(&request(&conversation, part)).await);
    }
    let calls = stand
        .fake
        .calls()
        .split_off(before)
        .into_iter()
        .map(|call| json!({ "method": call.method, "params": call.params }));
    (layout, calls.collect())
}

/// A call for the eye: entities as tags, buttons in their rows, everything else as it is.
fn drawn(call: &Value) -> String {
    let mut rest = call["params"].as_object().unwrap().clone();
    let mut drawn = format!("{}\n", call["method"].as_str().unwrap());
    if let Some(text) = rest.remove("text") {
        let units: Vec<u16> = text.as_str().unwrap().encode_utf16().collect();
        let entities = rest.remove("entities").unwrap();
        let tags = |at: usize| {
            let at_end =
                |entity: &&Value| entity["offset"].as_u64().unwrap() + entity["length"].as_u64().unwrap() == at as u64;
            let at_start = |entity: &&Value| entity["offset"] == at;
            let entities = entities.as_array().unwrap();
            let mut tags: Vec<String> =
                entities.iter().filter(at_end).map(|entity| format!("</{}>", name(entity))).collect();
            tags.extend(entities.iter().filter(at_start).map(|entity| match entity["url"].as_str() {
                Some(url) => format!("<{} {url}>", name(entity)),
                None => format!("<{}>", name(entity)),
            }));
            tags.concat()
        };
        let mut from = 0;
        for at in 0..=units.len() {
            let tags = tags(at);
            if !tags.is_empty() || at == units.len() {
                drawn += &(String::from_utf16(&units[from..at]).unwrap().replace('\u{2060}', "⁞") + &tags);
                from = at;
            }
        }
        drawn.push('\n');
    }
    if let Some(markup) = rest.remove("reply_markup") {
        for row in markup["inline_keyboard"].as_array().unwrap() {
            let buttons = row.as_array().unwrap().iter();
            let button = |button: &Value| {
                format!("[{} → {}]", button["text"].as_str().unwrap(), button["callback_data"].as_str().unwrap())
            };
            drawn += &(buttons.map(button).collect::<Vec<_>>().join(" ") + "\n");
        }
    }
    drawn + &Value::Object(rest).to_string().replace('\u{2060}', "⁞")
}

fn name(entity: &Value) -> &str {
    entity["type"].as_str().unwrap()
}

#[tokio::test]
async fn a_document_with_everything() {
    let stand = Stand::new().await;
    let chart = stand.account.store_media("image/png", "resultats.png", b"\x89PNG\r\n\x1a\n chart").await.hash;
    let file = stand.account.store_media("text/csv", "voix.csv", b"choix;voix").await.hash;
    let document = Document::new()
        .heading("🏛 Marché couvert")
        .paragraph(
            Text::new()
                .plain("Quelle ")
                .strong("halle")
                .plain(", demande @maire (maire@exemple.fr) ? ")
                .emphasis("Lisez ")
                .link("le projet", "https://exemple.fr/a?b=c&d=<e>")
                .plain(", écrivez à ")
                .link("la mairie", "mailto:maire@exemple.fr")
                .plain(" ou tapez ")
                .code("/aide")
                .plain(". *Rien* _de_ <b>ceci</b> [n'est](https://x.fr) du balisage."),
        )
        .list(["couverte", "ouverte"])
        .table(Table {
            header: vec!["Choix".into(), "Voix".into()],
            rows: vec![vec!["Couverte".into(), "12".into()], vec!["Ouverte".into(), "7".into()]],
        })
        .figure(chart, "Couverte : 12 voix, ouverte : 7 voix, selon @maire")
        .file(file, "Toutes les voix")
        .poll(Poll {
            question: "Et vous ?".into(),
            options: vec!["Couverte".into(), "Ouverte".into()],
            multiple: false,
        })
        .paragraph("Votre choix :")
        .choice("Couverte", action(1))
        .chosen("Ouverte", action(2))
        .step("Retour", action(3))
        .step("Passer", action(4));
    let (layout, calls) = calls(&stand, &document).await;
    assert_eq!(layout.warnings, []);
    let methods: Vec<&str> = calls.iter().map(|call| call["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["sendMessage", "sendPhoto", "sendDocument", "sendPoll", "sendMessage"]);
    insta::assert_snapshot!(calls.iter().map(drawn).collect::<Vec<_>>().join("\n---\n"), @r#"
    sendMessage
    <bold>🏛 Marché couvert</bold>

    Quelle <bold>halle</bold>, demande @⁞maire (maire@exemple.fr) ? <italic>Lisez </italic><text_link https://exemple.fr/a?b=c&d=%3Ce%3E>le projet</text_link>, écrivez à la mairie (maire@exemple.fr) ou tapez <code>/aide</code>. *Rien* _de_ <b>ceci</b> [n'est](https://x.fr) du balisage.

    • couverte
    • ouverte

    <bold>Choix | Voix</bold>
    Couverte | 12
    Ouverte | 7
    {"chat_id":42,"link_preview_options":{"is_disabled":true}}
    ---
    sendPhoto
    {"caption":"Couverte : 12 voix, ouverte : 7 voix, selon @⁞maire","chat_id":"42","photo":"attach://file"}
    ---
    sendDocument
    {"caption":"Toutes les voix","chat_id":"42","document":"attach://file"}
    ---
    sendPoll
    {"allows_multiple_answers":false,"chat_id":42,"is_anonymous":true,"options":[{"text":"Couverte"},{"text":"Ouverte"}],"question":"Et vous ?"}
    ---
    sendMessage
    Votre choix :
    [Couverte → AQ]
    [✓ Ouverte → Ag]
    [Retour → Aw] [Passer → BA]
    {"chat_id":42,"link_preview_options":{"is_disabled":true}}
    "#);
}

#[tokio::test]
async fn numbers_where_there_are_more_choices_than_buttons() {
    let stand = Stand::new().await;
    let many =
        (0..49).fold(Document::says("Quel jour ?"), |document, n| document.choice(format!("Jour {n}"), action(n)));
    let (layout, calls) = calls(&stand, &many).await;
    assert!(layout.numbered && calls.len() == 1);
    let text = calls[0]["params"]["text"].as_str().unwrap();
    assert!(text.contains("1. Jour 0") && text.contains("49. Jour 48"));
    assert!(calls[0]["params"].get("reply_markup").is_none());
    // As many as there may be, each as long as it may be, are taken.
    let most = (0..48).fold(Document::says("Quel jour ?"), |document, n| document.choice("é".repeat(64), action(n)));
    let (layout, _) = self::calls(&stand, &most).await;
    assert!(!layout.numbered && layout.warnings.is_empty());
    assert_eq!(stand.fake.seen(42).last().unwrap().buttons.len(), 48);
}

#[tokio::test]
async fn what_people_wrote_neither_calls_anybody_nor_looks_like_ours() {
    let stand = Stand::new().await;
    let said = "@maire et https://exemple.fr/@maire ou a@b.fr, <b>@conseil</b> `x` [ici](tg://user?id=1)";
    let document = Document::says(Text::new().strong(said).plain("@").plain("maire"))
        .list([said])
        .table(Table { header: vec![said.into()], rows: vec![vec!["@".into(), "@maire".into()]] })
        .paragraph(Text::new().link(said, "https://exemple.fr").link("x", "tg://user?id=1"));
    calls(&stand, &document).await;
    for seen in stand.fake.seen(42) {
        let kinds = seen.entity_kinds();
        assert!(kinds.iter().all(|kind| matches!(kind.as_str(), "bold" | "text_link")), "{kinds:?} in {}", seen.text);
    }
}

/// What a proptest needs no platform for: the adapter lays out by itself.
fn pure_adapter(stand: &Stand) -> std::sync::Arc<adapter_telegram::Telegram> {
    stand.adapter()
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zéà .!\n]{0,300}",
        "[👩‍👩‍👧🏳️‍🌈x @_]{0,60}",
        "(@[a-z_]{1,9}|[*_`<>\\[\\]()|#&;/.@-]|[a-z]{1,5}| ){0,80}",
        "\\PC{0,80}",
        "[a-z@]{4000,5000}",
    ]
}

#[test]
fn no_part_exceeds_a_limit_nothing_becomes_a_mention_and_no_word_is_lost() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stand = runtime.block_on(Stand::new());
    let adapter = pure_adapter(&stand);
    let sendable = |layout: &Layout| {
        runtime.block_on(async {
            stand.fake.lift_rates();
            stand.fake.person(42).has_started();
            let conversation = direct(42);
            let already = stand.fake.seen(42).len();
            for part in &layout.parts {
                // The fake enforces the limits of text, entities, captions, buttons and polls.
                sent(adapter.send(&request(&conversation, part)).await);
            }
            stand.fake.seen(42).split_off(already)
        })
    };
    let config = ProptestConfig { cases: 48, ..ProptestConfig::default() };
    proptest!(config, |(
        heading in words(),
        spans in prop::collection::vec((words(), 0usize..5), 0..4),
        items in prop::collection::vec(words(), 0..4),
        cells in prop::collection::vec(words(), 0..6),
        question in "[a-z@é ]{1,320}",
        labels in prop::collection::vec("[a-z@é🏛 \n]{0,80}", 0..60),
    )| {
        let text = spans.iter().fold(Text::new(), |text, (words, kind)| match kind {
            0 => text.plain(words.as_str()),
            1 => text.strong(words.as_str()),
            2 => text.emphasis(words.as_str()),
            3 => text.code(words.as_str()),
            _ => text.link(words.as_str(), "https://exemple.fr/x"),
        });
        let rows = cells.iter().map(|cell| vec![cell.clone(), "1".to_owned()]).collect();
        let document = Document::new()
            .heading(heading.as_str())
            .paragraph(text)
            .list(items.iter().map(String::as_str))
            .table(Table { header: vec!["Choix".into(), "Voix".into()], rows })
            .poll(Poll { question: format!("q {question}"), options: vec!["a".into(), "@bob".into()], multiple: false });
        let document = labels.iter().zip(0u8..).fold(document, |document, (label, n)| document.choice(label, action(n)));
        let layout = render(&adapter, &document, &direct(42));
        for part in &layout.parts {
            if let Body::Picture { alternative, .. } = &part.body {
                prop_assert!(TextUnit::Utf16.measure(alternative) <= 1024);
            }
        }
        let seen = sendable(&layout);
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        let shown: String = seen.iter().map(|seen| letters(&seen.text)).collect();
        for seen in &seen {
            prop_assert!(!seen.entity_kinds().iter().any(|kind| kind == "mention"), "{}", seen.text);
        }
        for said in std::iter::once(&heading).chain(spans.iter().map(|(words, _)| words)).chain(&items) {
            prop_assert!(shown.contains(&letters(said)), "lost: {said}");
        }
    });
}

#[tokio::test]
async fn long_captions_and_labels_keep_their_words() {
    let stand = Stand::new().await;
    let long = "Une phrase de légende assez longue. ".repeat(40);
    let chart = stand.account.store_media("image/png", "a.png", b"\x89PNG\r\n\x1a\n chart").await.hash;
    let document =
        Document::new().figure(chart, long.as_str()).file(MediaHash::of(b"\x89PNG\r\n\x1a\n chart"), long.as_str());
    let (layout, calls) = calls(&stand, &document).await;
    let texts: Vec<&str> = calls.iter().filter_map(|call| call["params"]["text"].as_str()).collect();
    assert_eq!(texts.iter().map(|text| text.trim()).collect::<Vec<_>>(), [long.trim(), long.trim()]);
    assert!(layout.parts.iter().any(|part| matches!(&part.body, Body::File { label, .. } if label == "↑")));
}
