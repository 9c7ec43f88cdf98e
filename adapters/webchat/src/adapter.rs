//! The adapter's side: documents become parts, parts become entries of a transcript.

use async_trait::async_trait;
use bot_core::action::{ActionPayload, ActionToken};
use bot_core::adapter::{
    AccountHealth, Acknowledgement, Actor, Adapter, Assurance, CommandMenu, ConversationDescriptor, ConversationRef,
    Finding, InboundEvent, InboundKind, Pacing, PollCounts, PrivateLink, RemoteIds, RemoteMediaId, RunError,
    SendRequest, Verdict,
};
use bot_core::intake::Intake;
use bot_core::message::layout::{ButtonLimits, words_of};
use bot_core::message::{Block, Capabilities, Document, Layout, Poll, Span, Text, TextUnit};
use bot_core::store::account_state::{StateEntry, StateError};
use bot_core::store::media::Media;
use bot_core::{Address, Platform, Redacted};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::session::{PLATFORM, SessionId};
use crate::transcript::{EditOutcome, Number};
use crate::{Running, Webchat};

/// A page has no limit of its own: this keeps one message readable on a small screen.
const TEXT_CHARACTERS_MAX: usize = 4000;
const CAPTION_CHARACTERS_MAX: usize = 1000;
const BUTTONS_MAX: usize = 20;
const LABEL_CHARACTERS_MAX: usize = 120;
/// How often sessions that nobody visits any more are removed.
const PURGE_EVERY: TimeDelta = TimeDelta::hours(6);

const CAPABILITIES: Capabilities = Capabilities {
    text_unit: TextUnit::Scalar,
    text_units_max: TEXT_CHARACTERS_MAX,
    caption_units_max: CAPTION_CHARACTERS_MAX,
    buttons: Some(ButtonLimits { count_max: BUTTONS_MAX, label_units_max: LABEL_CHARACTERS_MAX }),
    pictures: true,
    files: true,
    polls: None,
    edits: true,
    private: true,
};

#[async_trait]
impl Adapter for Webchat {
    fn platform(&self) -> Platform {
        Platform::new(PLATFORM)
    }

    fn assurance(&self) -> Assurance {
        Assurance::Session
    }

    /// As long as the transcript itself: a part's key is stored with the message it became.
    fn idempotent_for(&self) -> TimeDelta {
        TimeDelta::days(3650)
    }

    fn pacing(&self) -> Pacing {
        Pacing::default()
    }

    /// None of the account's own: a session's token is kept only as a hash.
    fn secrets(&self) -> Vec<Redacted<String>> {
        Vec::new()
    }

    fn capabilities(&self, _: &ConversationRef) -> Capabilities {
        CAPABILITIES
    }

    fn render(
        &self,
        document: &Document,
        _: &ConversationRef,
        seal: &(dyn Fn(&ActionPayload) -> ActionToken + Sync),
    ) -> Layout {
        let measure = |blocks: &[Block]| blocks.iter().map(|block| words_of(block).chars().count() + 2).sum();
        Layout::of(&printable(document), &CAPABILITIES, measure, seal)
    }

    /// Lets the HTTP side take events until `stop`, and removes sessions that nobody visits any more.
    async fn run(&self, intake: Intake, stop: CancellationToken) -> Result<(), RunError> {
        let running = Running { intake, stop };
        self.running.send_replace(Some(running.clone()));
        let purged = running.stop.run_until_cancelled(self.purge_for_ever(&running.intake)).await;
        self.running.send_replace(None);
        match purged {
            Some(Err(error)) => Err(RunError::Lost(error.to_string())),
            Some(Ok(())) | None => Ok(()),
        }
    }

    async fn send(&self, request: &SendRequest<'_>) -> Verdict<RemoteIds> {
        let Some(session) = SessionId::of(request.conversation.platform_ref.expose()) else { return no_session() };
        let live = self.live.of(&session);
        let _one_at_a_time = live.writing.lock().await;
        match self.sessions.is_open(&session).await {
            Ok(true) => {}
            Ok(false) => return no_session(),
            Err(error) => return nothing_written(error),
        }
        let key = request.idempotency_key();
        match self.transcripts.find_part(&session, &key).await {
            Ok(Some(number)) => return Verdict::Sent(remote_ids(number)),
            Ok(None) => {}
            Err(error) => return nothing_written(error),
        }
        let appended = self.transcripts.append(&session, &key, request.part, request.locale, request.reveals).await;
        match appended {
            Ok(number) => {
                live.ring();
                Verdict::Sent(remote_ids(number))
            }
            Err(error) => maybe_written(error),
        }
    }

    async fn edit(&self, request: &SendRequest<'_>, sent: &RemoteIds) -> Verdict<RemoteIds> {
        let Some(session) = SessionId::of(request.conversation.platform_ref.expose()) else { return no_session() };
        let Some(message) = number_of(sent) else { return unknown_message() };
        let live = self.live.of(&session);
        let _one_at_a_time = live.writing.lock().await;
        match self.sessions.is_open(&session).await {
            Ok(true) => {}
            Ok(false) => return no_session(),
            Err(error) => return nothing_written(error),
        }
        match self.transcripts.edit(&session, message, request.part, request.locale, request.reveals).await {
            Ok(EditOutcome::Done) => {
                live.ring();
                Verdict::Sent(sent.clone())
            }
            Ok(EditOutcome::Gone) => unknown_message(),
            Err(error) => maybe_written(error),
        }
    }

    async fn delete(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()> {
        let Some(session) = SessionId::of(conversation.platform_ref.expose()) else { return Verdict::Sent(()) };
        let Some(message) = number_of(sent) else { return Verdict::Sent(()) };
        let live = self.live.of(&session);
        let _one_at_a_time = live.writing.lock().await;
        match self.transcripts.delete(&session, message).await {
            Ok(()) => {
                live.ring();
                Verdict::Sent(())
            }
            Err(error) => maybe_written(error),
        }
    }

    async fn pin(&self, _: &ConversationRef, _: &RemoteIds) -> Verdict<()> {
        Verdict::Rejected { reason: "the webchat pins no messages".into() }
    }

    /// A session is its own direct conversation.
    async fn open_direct(&self, address: &Address) -> Verdict<ConversationDescriptor> {
        if address.scheme.as_str() != PLATFORM {
            return Verdict::Rejected { reason: "the address belongs to another platform".into() };
        }
        let Some(session) = SessionId::of(address.path.expose()) else { return no_session() };
        match self.sessions.is_open(&session).await {
            Ok(true) => Verdict::Sent(session.conversation()),
            Ok(false) => no_session(),
            Err(error) => nothing_written(error),
        }
    }

    /// Readers fetch media from our own store: nothing has to be copied.
    async fn upload(&self, media: &Media) -> Verdict<RemoteMediaId> {
        Verdict::Sent(RemoteMediaId(media.hash.to_string()))
    }

    /// The browser was told when its request was answered.
    async fn acknowledge(&self, _: &Value, _: Acknowledgement) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn reconcile(&self, request: &SendRequest<'_>, _since: DateTime<Utc>) -> Verdict<RemoteIds> {
        let Some(session) = SessionId::of(request.conversation.platform_ref.expose()) else { return no_session() };
        match self.transcripts.find_part(&session, &request.idempotency_key()).await {
            Ok(Some(number)) => Verdict::Sent(remote_ids(number)),
            Ok(None) => Verdict::Retry { reason: "the part is not in the transcript".into() },
            Err(error) => maybe_written(error),
        }
    }

    /// The page shows the commands under its text field.
    async fn publish_commands(&self, menus: &[CommandMenu]) -> Verdict<()> {
        let entries: Vec<StateEntry> = menus
            .iter()
            .map(|menu| {
                let commands: Vec<Value> =
                    menu.entries.iter().map(|entry| json!({ "name": entry.name, "summary": entry.summary })).collect();
                StateEntry::new(format!("menu/{}", menu.locale), commands.into())
            })
            .collect();
        match self.state.put(&entries).await {
            Ok(()) => Verdict::Sent(()),
            Err(error) => maybe_written(error),
        }
    }

    async fn close_poll(&self, _: &ConversationRef, _: &RemoteIds) -> Verdict<PollCounts> {
        Verdict::Rejected { reason: "there are no polls here".to_owned() }
    }

    fn private_link(&self, _: Option<&str>) -> Option<PrivateLink> {
        None
    }

    async fn examine(&self) -> Vec<Finding> {
        Vec::new()
    }

    fn health(&self) -> AccountHealth {
        if self.running.borrow().is_some() { AccountHealth::Ready } else { AccountHealth::Starting }
    }
}

impl Webchat {
    async fn purge_for_ever(&self, intake: &Intake) -> Result<(), StateError> {
        loop {
            let next = self.clock.now() + PURGE_EVERY;
            for session in self.sessions.expired().await? {
                // Without the event the core would not know; the next round tries again.
                if self.close(intake, &session, None).await.is_err() {
                    break;
                }
            }
            self.clock.sleep_until(next).await;
        }
    }

    /// Tells the core that a session ended, and forgets it. `actor` is the visitor who wished it; a session that
    /// expired has none, since the person may have been erased long ago and must not come back by it.
    pub(crate) async fn close(
        &self,
        intake: &Intake,
        session: &SessionId,
        actor: Option<Actor>,
    ) -> Result<(), CloseError> {
        let event = InboundEvent {
            dedupe_key: format!("{}/closed", session.expose()),
            conversation: session.conversation(),
            actor,
            kind: InboundKind::Closed,
            acknowledgement: None,
        };
        intake.receive(&[event], None).await?;
        let live = self.live.of(session);
        let _one_at_a_time = live.writing.lock().await;
        self.sessions.remove(session).await?;
        self.live.remove(session);
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum CloseError {
    #[error(transparent)]
    Intake(#[from] bot_core::intake::IntakeError),
    #[error(transparent)]
    State(#[from] StateError),
}

fn remote_ids(number: Number) -> RemoteIds {
    RemoteIds(vec![number.0.to_string()])
}

fn number_of(sent: &RemoteIds) -> Option<Number> {
    sent.0.first()?.parse().ok().map(Number)
}

fn no_session<T>() -> Verdict<T> {
    Verdict::RecipientStopped { reason: "the session has ended".into() }
}

fn unknown_message<T>() -> Verdict<T> {
    Verdict::Rejected { reason: "the message is no longer there".into() }
}

/// Only reading came before.
fn nothing_written<T>(error: StateError) -> Verdict<T> {
    Verdict::Retry { reason: error.to_string() }
}

/// A write whose answer was lost may have been committed; the part's key tells on the next try.
fn maybe_written<T>(error: StateError) -> Verdict<T> {
    Verdict::Unknown { reason: error.to_string() }
}

/// The document as a page can show it: links only where a browser may follow them, and no NUL, which Postgres cannot
/// store in JSON.
fn printable(document: &Document) -> Document {
    let words = |words: &str| words.replace('\0', "\u{fffd}");
    let span = |span: &Span| match span {
        Span::Plain(text) => Span::Plain(words(text)),
        Span::Strong(text) => Span::Strong(words(text)),
        Span::Emphasis(text) => Span::Emphasis(words(text)),
        Span::Code(text) => Span::Code(words(text)),
        Span::Link { label, url } if may_be_followed(url) => Span::Link { label: words(label), url: words(url) },
        Span::Link { label, url } => Span::Plain(words(&format!("{label} ({url})"))),
    };
    let text = |text: &Text| Text(text.0.iter().map(span).collect());
    let block = |block: &Block| match block {
        Block::Heading { text: inner } => Block::Heading { text: text(inner) },
        Block::Paragraph { text: inner } => Block::Paragraph { text: text(inner) },
        Block::List { ordered, items } => Block::List { ordered: *ordered, items: items.iter().map(text).collect() },
        Block::Table { table } => Block::Table {
            table: bot_core::message::Table {
                header: table.header.iter().map(|cell| words(cell)).collect(),
                rows: table.rows.iter().map(|row| row.iter().map(|cell| words(cell)).collect()).collect(),
            },
        },
        Block::Figure { media, alternative } => Block::Figure { media: *media, alternative: words(alternative) },
        Block::File { media, label } => Block::File { media: *media, label: words(label) },
        Block::Poll { poll } => Block::Poll {
            poll: Poll {
                question: words(&poll.question),
                options: poll.options.iter().map(|option| words(option)).collect(),
                multiple: poll.multiple,
            },
        },
        Block::Template { markdown } => Block::Template { markdown: words(markdown) },
    };
    let choices = document.choices.iter().cloned().map(|mut choice| {
        choice.label = words(&choice.label);
        choice
    });
    Document { blocks: document.blocks.iter().map(block).collect(), choices: choices.collect() }
}

fn may_be_followed(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
    matches!(scheme.as_str(), "http" | "https" | "mailto") && url.len() > scheme.len() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_a_browser_may_follow_stay_links() {
        for (url, kept) in [
            ("https://example.org", true),
            ("HTTP://example.org", true),
            ("mailto:mairie@example.org", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("//example.org", false),
            ("https", false),
        ] {
            let document = printable(&Document::says(Text::new().link("ici", url)));
            let Block::Paragraph { text } = &document.blocks[0] else { panic!("a paragraph was expected") };
            assert_eq!(matches!(text.0[0], Span::Link { .. }), kept, "{url}");
            assert!(words_of(&document.blocks[0]).contains(url), "the address is not lost");
        }
    }
}
