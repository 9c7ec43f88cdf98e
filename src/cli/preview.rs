//! `consultation preview`: the messages a participant will receive, in plain words or as each configured network shows
//! them.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use bot_core::action::{ActionPayload, ActionToken, TOKEN_CHARACTERS_MAX};
use bot_core::adapter::{Adapter, AdapterContext, ConversationKind, ConversationRef};
use bot_core::ids::{AccountId, OrganisationId};
use bot_core::message::layout::words_of;
use bot_core::message::{Block, Body, Document, Layout, Warning};
use bot_core::{Clock, Locale, Redacted};
use micro_consultations::operations;
use serde::Serialize;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::arguments::PlaceArguments;
use super::consultation::{perform, read};
use super::operator::{configuration, time_zone};
use super::output::Output;
use crate::adapters::{self, Place};

pub(super) async fn run(
    place: &PlaceArguments,
    consultation: &str,
    locale: Locale,
    networks: bool,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let file = Path::new(consultation);
    // A file needs no database, whether or not a consultation of that name is stored.
    let documents = if file.exists() {
        let (definition, zone) = (read(file)?, time_zone(place)?);
        operations::preview_of(definition, locale, Clock::system().now(), zone)
    } else {
        perform(place, async |cx| {
            let consultation = operations::show(cx, consultation).await?;
            Ok(operations::preview(&consultation, locale, cx.now, cx.organisation.time_zone))
        })
        .await?
    };
    if networks {
        let shown = on_networks(place, &documents)?;
        output.answer(&shown, || shown.iter().map(Shown::in_words).collect::<Vec<_>>().join("\n\n"))?;
    } else {
        let words = || documents.iter().map(message_in_words).collect::<Vec<_>>().join("\n\n––––\n\n");
        output.answer(&documents, words)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A message as a network without buttons shows it.
pub(super) fn message_in_words(document: &Document) -> String {
    let mut lines: Vec<String> = document.blocks.iter().map(words_of).collect();
    for (index, choice) in document.choices.iter().enumerate() {
        let mark = if choice.chosen { "✓ " } else { "" };
        lines.push(format!("  [{}] {mark}{}", index + 1, choice.label));
    }
    lines.join("\n")
}

/// The messages as one account lays them out in a private conversation.
#[derive(Serialize)]
pub(super) struct Shown {
    account: String,
    platform: String,
    messages: Vec<Layout>,
}

/// Lays the messages out with the adapter of each configured account. Laying out asks nobody: neither the platform nor
/// the database.
pub(super) fn on_networks(place: &PlaceArguments, documents: &[Document]) -> anyhow::Result<Vec<Shown>> {
    let config = configuration(place)?;
    let site = Place::of(&config, config.http.public.public_url.clone().unwrap_or_default());
    let mut shown = Vec::new();
    for account in &config.accounts {
        let Some(settings) = account.settings() else { continue };
        // Never connected.
        let pool = PgPoolOptions::new().connect_lazy_with(PgConnectOptions::new());
        let context = AdapterContext::outside_service(pool, OrganisationId(0), AccountId(0));
        let adapter = adapters::connect(settings, &site, context)?.adapter;
        shown.push(Shown {
            account: account.name.clone(),
            platform: account.platform.clone(),
            messages: documents.iter().map(|document| lay_out(&adapter, document)).collect(),
        });
    }
    Ok(shown)
}

fn lay_out(adapter: &Arc<dyn Adapter>, document: &Document) -> Layout {
    let platform_ref = Redacted::new("preview".to_owned());
    let place = ConversationRef { kind: ConversationKind::Direct, platform_ref };
    // As long as a token may be, since some platforms count it.
    let seal = |_: &ActionPayload| ActionToken("x".repeat(TOKEN_CHARACTERS_MAX));
    adapter.render(document, &place, &seal)
}

impl Shown {
    pub fn in_words(&self) -> String {
        let messages = self.messages.iter().map(|layout| {
            let mut parts: Vec<String> = layout.parts.iter().map(part_in_words).collect();
            parts.extend(layout.warnings.iter().map(|warning| format!("({})", warned(*warning))));
            parts.join("\n")
        });
        let messages: Vec<String> = messages.collect();
        format!("==== {} ({}) ====\n\n{}", self.account, self.platform, messages.join("\n\n––––\n\n"))
    }
}

fn part_in_words(part: &bot_core::message::Part) -> String {
    let words = match &part.body {
        Body::Text { blocks } => blocks.iter().map(words_of).collect::<Vec<_>>().join("\n"),
        Body::Picture { alternative, .. } => format!("[picture: {alternative}]"),
        Body::File { label, .. } => format!("[file: {label}]"),
        Body::Poll { poll } => words_of(&Block::Poll { poll: poll.clone() }),
    };
    let buttons = part.buttons.iter().map(|button| format!("[{}]", button.label));
    std::iter::once(words).chain(buttons).collect::<Vec<_>>().join("\n")
}

fn warned(warning: Warning) -> &'static str {
    match warning {
        Warning::ChoicesBecameNumbers => "no buttons here: one answers with a number",
        Warning::LabelShortened => "a button is too long here, and shortened",
        Warning::PictureBecameWords => "no pictures here: it is said in words",
        Warning::FileLeftOut => "no files here: it is left out",
        Warning::CaptionBecameText => "too long to stand under the picture: it is a text of its own",
        Warning::TextWasSplit => "too long for one message here: it becomes several",
        Warning::TableWasSplit => "a table too long for one message here: it becomes several",
        Warning::PollBecameWords => "no polls here: it is said in words",
    }
}

#[cfg(all(test, feature = "discord", feature = "matrix", feature = "telegram", feature = "webchat"))]
mod renderings;

#[cfg(all(test, feature = "webchat"))]
mod tests {
    use micro_consultations::definition_file::parse;

    use super::*;

    #[tokio::test]
    async fn each_configured_account_shows_the_messages_in_its_own_way() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("crieur.toml");
        let config = "[organisation]\ntitle = \"Ville\"\n\n[[account]]\nname = \"page\"\nplatform = \"webchat\"\n";
        std::fs::write(&path, config).unwrap();
        let place = PlaceArguments { config: Some(path), data_dir: None };
        let source = "slug = \"place\"\ntitle = \"La place\"\nduration_days = 7\nanonymity = \"anonymous\"\n\n\
                      [[questions]]\nkind = \"single\"\ntext = \"Que faire ?\"\noptions = [\"Halle\", \"Jardin\"]\n";
        let now = "2026-09-01T08:00:00Z".parse().unwrap();
        let documents = operations::preview_of(parse(source).unwrap(), Locale::Fr, now, chrono_tz::Europe::Paris);
        let shown = on_networks(&place, &documents).unwrap();
        assert_eq!((shown.len(), shown[0].messages.len()), (1, documents.len()));
        let words = shown[0].in_words();
        assert!(words.starts_with("==== page (webchat) ====\n\nLa place\n"), "{words}");
        assert!(words.contains("Que faire ?") && words.contains("[Halle]\n[Jardin]"), "{words}");
    }
}
