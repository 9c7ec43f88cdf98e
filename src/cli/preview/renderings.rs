//! A rich edition of the digest as each of the four networks lays it out: what fits one message, what is split, and
//! what a network cannot show.

use std::fmt::Write as _;

use barometer_digests::edition::model::{Content, Edition};
use barometer_digests::rendering::message::{Pictures, Site, message, nothing};
use barometer_digests::rendering::way::{Form, Way};
use bot_core::message::{MediaHash, template};
use serde_json::json;

use super::*;

const ACCOUNTS: &str = r#"
[organisation]
title = "Observatoire"

[[account]]
name = "telegram"
platform = "telegram"
[account.settings]
token_file = "telegram"

[[account]]
name = "discord"
platform = "discord"
[account.settings]
token_file = "discord"

[[account]]
name = "matrix"
platform = "matrix"
[account.settings]
homeserver_url = "http://127.0.0.1:1"
user = "@crieur:localhost"
password_file = "password"
recovery_key_file = "recovery"
store_dir = "matrix-store"
store_passphrase_file = "passphrase"

[[account]]
name = "webchat"
platform = "webchat"
"#;

fn edition() -> Edition {
    serde_json::from_str(include_str!("../../../plugins/barometer-digests/samples/edition.json")).unwrap()
}

/// The edition's message for a way of reading, as the outbox fills it.
fn letter(locale: Locale, form: Form) -> Document {
    let (edition, site) = (edition(), Site { public_url: Some("https://crieur.example.org".to_owned()) });
    let figures = edition.entries.iter().filter(|entry| matches!(entry.content, Content::Figure(_)));
    let pictures: Pictures =
        figures.map(|entry| ((entry.key.clone(), locale), MediaHash::of(entry.key.0.as_bytes()))).collect();
    let way = Way { locale, form, topics: Vec::new() };
    let document = message(12, &edition, &[], &way, &pictures, &site).unwrap();
    let leave = json!({ "leave_url": "https://crieur.example.org/digests/leave/AAAAAAAAAAc5Jd0" });
    template::fill(&document, leave.as_object().unwrap()).unwrap()
}

fn on_the_four(documents: &[Document]) -> Vec<Shown> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("crieur.toml");
    std::fs::write(&path, ACCOUNTS).unwrap();
    // Nothing connects: laying out asks nobody.
    for secret in ["telegram", "discord", "password", "recovery", "passphrase"] {
        std::fs::write(directory.path().join(secret), format!("1234:{secret}")).unwrap();
    }
    on_networks(&PlaceArguments { config: Some(path), data_dir: None }, documents).unwrap()
}

/// Where one message ends and the next begins.
fn part_by_part(shown: &Shown) -> String {
    let layout = &shown.messages[0];
    let parts: Vec<String> = layout.parts.iter().map(part_in_words).collect();
    let mut lines = vec![parts.join("\n––––\n")];
    lines.extend(layout.warnings.iter().map(|warning| format!("({})", warned(*warning))));
    lines.join("\n")
}

/// Networks that show the same are named together.
fn golden(locale: Locale, form: Form) -> String {
    let mut ways: Vec<(String, String)> = Vec::new();
    for shown in on_the_four(&[letter(locale, form)]) {
        let words = part_by_part(&shown);
        match ways.iter_mut().find(|(_, other)| *other == words) {
            Some((platforms, _)) => platforms.push_str(&format!(", {}", shown.platform)),
            None => ways.push((shown.platform, words)),
        }
    }
    let ways: Vec<String> = ways.iter().map(|(platforms, words)| format!("==== {platforms} ====\n{words}")).collect();
    ways.join("\n\n")
}

#[tokio::test]
async fn an_edition_is_laid_out_in_so_many_messages() {
    let mut counted = String::new();
    for locale in Locale::ALL {
        for form in Form::ALL {
            for shown in on_the_four(&[letter(locale, form)]) {
                let layout = &shown.messages[0];
                let pictures = layout.parts.iter().filter(|part| part.media().is_some()).count();
                let buttons = layout.parts.iter().map(|part| part.buttons.len()).sum::<usize>();
                let _ = writeln!(
                    counted,
                    "{locale} {form} on {}: {} parts, {pictures} pictures, {buttons} buttons, {:?}",
                    shown.platform,
                    layout.parts.len(),
                    layout.warnings
                );
            }
        }
    }
    insta::assert_snapshot!(counted, @"
    fr short on telegram: 1 parts, 0 pictures, 2 buttons, []
    fr short on discord: 2 parts, 0 pictures, 2 buttons, [TextWasSplit]
    fr short on matrix: 1 parts, 0 pictures, 0 buttons, [ChoicesBecameNumbers]
    fr short on webchat: 1 parts, 0 pictures, 2 buttons, []
    fr full on telegram: 5 parts, 2 pictures, 2 buttons, []
    fr full on discord: 6 parts, 2 pictures, 2 buttons, [TextWasSplit]
    fr full on matrix: 5 parts, 2 pictures, 0 buttons, [ChoicesBecameNumbers]
    fr full on webchat: 5 parts, 2 pictures, 2 buttons, []
    en short on telegram: 1 parts, 0 pictures, 2 buttons, []
    en short on discord: 2 parts, 0 pictures, 2 buttons, [TextWasSplit]
    en short on matrix: 1 parts, 0 pictures, 0 buttons, [ChoicesBecameNumbers]
    en short on webchat: 1 parts, 0 pictures, 2 buttons, []
    en full on telegram: 5 parts, 2 pictures, 2 buttons, []
    en full on discord: 6 parts, 2 pictures, 2 buttons, [TextWasSplit]
    en full on matrix: 5 parts, 2 pictures, 0 buttons, [ChoicesBecameNumbers]
    en full on webchat: 5 parts, 2 pictures, 2 buttons, []
    ");
}

#[tokio::test]
async fn an_edition_reads_as_it_should_on_every_network() {
    for locale in Locale::ALL {
        for form in Form::ALL {
            insta::assert_snapshot!(format!("{form}_{locale}"), golden(locale, form));
        }
    }
}

#[tokio::test]
async fn that_there_is_nothing_is_one_message_everywhere() {
    let way = Way { locale: Locale::Fr, form: Form::Short, topics: Vec::new() };
    let document = nothing(12, &edition(), &way, &Site::default());
    let counted: Vec<usize> = on_the_four(&[document]).iter().map(|shown| shown.messages[0].parts.len()).collect();
    assert_eq!(counted, [1, 1, 1, 1]);
}
