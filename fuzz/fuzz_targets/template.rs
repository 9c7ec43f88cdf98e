//! Whatever an organiser writes as a template is refused with its place, or can be filled, within bounds.
//!
//! The reader of templates is taken by its files: building the whole of bot-core, with its database and its network,
//! for the fuzzer would take longer than all other targets together.

#![no_main]

#[allow(dead_code)]
#[path = "../../bot-core/src/action.rs"]
mod action;
#[allow(dead_code)]
#[path = "../../bot-core/src/ids.rs"]
mod ids;
#[allow(dead_code, unused_imports)]
#[path = "../../bot-core/src/message/mod.rs"]
mod message;
#[allow(dead_code)]
#[path = "../../bot-core/src/redacted.rs"]
mod redacted;

use libfuzzer_sys::fuzz_target;
use message::layout::words_of;
use message::template::{self, FILLED_BYTES_MAX, TemplateError};
use message::{Block, Document};
use serde_json::{Map, Value, json};

/// The variables of news and of a consultation, as the digest's own templates name them.
const KNOWN: [&str; 6] = ["titre", "resume", "lien", "jour", "consultation.titre", "resultats"];

fuzz_target!(|bytes: &[u8]| {
    let Ok(markdown) = str::from_utf8(bytes) else { return };
    let document = Document::new().block(Block::Template { markdown: markdown.to_owned() });
    let checked = template::check(markdown, &KNOWN);
    if let Err(error) = &checked {
        assert_place(error, markdown);
    }
    for values in [friendly(), hostile(), silent()] {
        match (&checked, template::fill(&document, &values)) {
            (_, Ok(filled)) => {
                // One template comes from the organiser; what fills it never brings another.
                assert!(filled.blocks.iter().all(|block| !matches!(block, Block::Template { .. })));
                // A link is said with its address, so words may be twice the Markdown they come from, and no more.
                let words: usize = filled.blocks.iter().map(|block| words_of(block).len()).sum();
                assert!(words <= 8 * FILLED_BYTES_MAX, "{words}");
            }
            (Ok(()), Err(TemplateError::UnknownVariable { name, .. })) => panic!("checked, but {name} is unknown"),
            (Ok(()), Err(error @ TemplateError::NotAllowed { .. })) => panic!("checked, but refused: {error}"),
            (_, Err(error)) => assert_place(&error, markdown),
        }
    }
});

fn assert_place(error: &TemplateError, markdown: &str) {
    assert!(!error.to_string().is_empty());
    if let TemplateError::Syntax { line, .. }
    | TemplateError::UnknownVariable { line, .. }
    | TemplateError::NotAllowed { line, .. } = error
    {
        assert!((1..=markdown.matches('\n').count() + 1).contains(line), "{error}");
    }
}

fn values(value: Value) -> Map<String, Value> {
    let Value::Object(values) = value else { return Map::new() };
    values
}

fn friendly() -> Map<String, Value> {
    values(json!({
        "titre": "Un guide des budgets participatifs", "resume": "Le guide…", "lien": "https://exemple.example/guide",
        "jour": "18 novembre 2026", "consultation": { "titre": "La place du marché" },
        "resultats": ["Halle couverte en tête", "412 bulletins"],
    }))
}

fn hostile() -> Map<String, Value> {
    values(json!({
        "titre": "# {{lien}} **x** [a](javascript:b) <b>", "resume": "```\n|a|\n|-|\n> 1. \\", "lien": "](x) \u{202e}",
        "jour": 20261118, "consultation": { "titre": ["{{#each resultats}}"] }, "resultats": ["- {{{titre}}}", null],
    }))
}

fn silent() -> Map<String, Value> {
    values(json!({
        "titre": "", "resume": null, "lien": false, "jour": 0, "consultation": { "titre": {} }, "resultats": [],
    }))
}
