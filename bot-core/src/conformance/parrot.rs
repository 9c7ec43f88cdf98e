//! The suite held to itself: an adapter with a made-up platform, correct or with one defect. The suite must pass the
//! correct one, and name the right case for each defect.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::stage::words;
use super::{AdapterBench, Fault, Heard, Outcome, Provoked, Seen, SeenButton, TestAccount, outcomes};
use crate::action::{ActionPayload, ActionToken};
use crate::adapter::*;
use crate::clock::Clock;
use crate::ids::{Address, Platform};
use crate::intake::Intake;
use crate::locale::Locale;
use crate::message::layout::{ButtonLimits, words_of};
use crate::message::{Capabilities, Document, Layout, PollLimits, TextUnit};
use crate::redacted::Redacted;
use crate::store::account_state::StateEntry;
use crate::store::media::Media;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Defect {
    None,
    CallsThrottlesRetries,
    SaysNothingWasWritten,
    ForgetsKeys,
    SendsEditsAnew,
    KeepsDeleted,
    CutsLongText,
    RendersTheTime,
    LosesChoices,
    AcknowledgesFirst,
    NamesEventsAtRandom,
    TakesLatestFirst,
    StartsAtTheEnd,
    HangsOnStop,
    MiscountsPolls,
    FindsFaultWhereThereIsNone,
    LinksNowhere,
}

/// The platform: what it keeps survives every adapter.
#[derive(Default)]
struct Square {
    shown: Vec<Shown>,
    said: Vec<(u64, InboundKind)>,
    acknowledged: usize,
    fault: Option<Fault>,
    ids: u64,
    votes: Vec<u16>,
}

struct Shown {
    id: u64,
    key: String,
    seen: Seen,
}

struct Parrot {
    square: Arc<Mutex<Square>>,
    spoken: watch::Sender<()>,
    defect: Defect,
    clock: Clock,
    ready: watch::Sender<bool>,
}

impl Parrot {
    fn square(&self) -> MutexGuard<'_, Square> {
        self.square.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn conversation() -> ConversationRef {
    ConversationRef { kind: ConversationKind::Direct, platform_ref: "polly".to_owned().into() }
}

fn ids(id: u64) -> RemoteIds {
    RemoteIds(vec![id.to_string()])
}

fn seen(request: &SendRequest<'_>) -> Seen {
    let buttons = request.part.buttons.iter();
    let buttons = buttons.map(|button| SeenButton { label: button.label.clone(), token: button.token.clone() });
    Seen { text: words(request.part), buttons: buttons.collect() }
}

#[async_trait]
impl Adapter for Parrot {
    fn platform(&self) -> Platform {
        Platform::new("parrot")
    }

    fn assurance(&self) -> Assurance {
        Assurance::Account
    }

    fn idempotent_for(&self) -> TimeDelta {
        TimeDelta::minutes(5)
    }

    fn pacing(&self) -> Pacing {
        Pacing::default()
    }

    fn secrets(&self) -> Vec<Redacted<String>> {
        Vec::new()
    }

    fn capabilities(&self, _: &ConversationRef) -> Capabilities {
        Capabilities {
            text_unit: TextUnit::Utf16,
            text_units_max: 300,
            caption_units_max: 100,
            buttons: Some(ButtonLimits { count_max: 3, label_units_max: 40 }),
            pictures: false,
            files: false,
            polls: Some(PollLimits { options_max: 5, question_units_max: 100, option_units_max: 40 }),
            edits: true,
            private: true,
        }
    }

    fn render(
        &self,
        document: &Document,
        conversation: &ConversationRef,
        seal: &(dyn Fn(&ActionPayload) -> ActionToken + Sync),
    ) -> Layout {
        let mut document = document.clone();
        match self.defect {
            Defect::RendersTheTime => document = document.paragraph(self.clock.now().to_rfc3339()),
            Defect::LosesChoices if document.choices.len() > 3 => document.choices.truncate(3),
            _ => {}
        }
        let measure = |blocks: &[crate::message::Block]| {
            blocks.iter().map(|block| TextUnit::Utf16.measure(&words_of(block)) + 1).sum::<usize>()
        };
        let mut layout = Layout::of(&document, &self.capabilities(conversation), measure, seal);
        if self.defect == Defect::CutsLongText {
            layout.parts.truncate(1);
        }
        layout
    }

    async fn run(&self, intake: Intake, stop: CancellationToken) -> Result<(), RunError> {
        let mut spoken = self.spoken.subscribe();
        if self.defect == Defect::StartsAtTheEnd {
            let mut square = self.square();
            square.acknowledged = square.said.len();
        }
        self.ready.send_replace(true);
        let end = loop {
            spoken.borrow_and_update();
            let (mut events, end): (Vec<InboundEvent>, usize) = {
                let square = self.square();
                let said = square.said.iter().skip(square.acknowledged);
                (said.map(|(id, kind)| self.event(*id, kind)).collect(), square.said.len())
            };
            if self.defect == Defect::TakesLatestFirst {
                events.reverse();
            }
            if self.defect == Defect::AcknowledgesFirst {
                self.square().acknowledged = end;
            }
            if !events.is_empty() {
                let cursor = StateEntry::new("cursor", end.into());
                if let Err(error) = intake.receive(&events, Some(cursor)).await {
                    break Err(RunError::Lost(error.to_string()));
                }
                self.square().acknowledged = end;
            }
            tokio::select! {
                () = stop.cancelled() => break Ok(()),
                _ = spoken.changed() => {}
            }
        };
        if self.defect == Defect::HangsOnStop && stop.is_cancelled() {
            std::future::pending::<()>().await;
        }
        self.ready.send_replace(false);
        end
    }

    async fn send(&self, request: &SendRequest<'_>) -> Verdict<RemoteIds> {
        let mut square = self.square();
        let reason = || "the square said so".to_owned();
        let fault = square.fault.take();
        match fault {
            Some(Fault::Throttled) if self.defect == Defect::CallsThrottlesRetries => {
                return Verdict::Retry { reason: reason() };
            }
            Some(Fault::Throttled) => return Verdict::Throttled { after: TimeDelta::seconds(3), scope: None },
            Some(Fault::NotWritten) => return Verdict::Retry { reason: reason() },
            Some(Fault::Moved) => {
                let platform_ref = "polly's new perch".to_owned().into();
                return Verdict::Moved { to: ConversationRef { platform_ref, ..conversation() } };
            }
            Some(Fault::RecipientStopped) => return Verdict::RecipientStopped { reason: reason() },
            Some(Fault::Rejected) => return Verdict::Rejected { reason: reason() },
            Some(Fault::AccountDead) => return Verdict::AccountDead { reason: reason() },
            Some(Fault::LostReply) | None => {}
        }
        let key = request.idempotency_key();
        let known = square.shown.iter().find(|shown| shown.key == key).map(|shown| shown.id);
        let id = match known.filter(|_| self.defect != Defect::ForgetsKeys) {
            Some(id) => id,
            None => {
                square.ids += 1;
                let id = square.ids;
                square.shown.push(Shown { id, key, seen: seen(request) });
                id
            }
        };
        match fault {
            Some(_) if self.defect == Defect::SaysNothingWasWritten => Verdict::Retry { reason: reason() },
            Some(_) => Verdict::Unknown { reason: reason() },
            None => Verdict::Sent(ids(id)),
        }
    }

    async fn edit(&self, request: &SendRequest<'_>, sent: &RemoteIds) -> Verdict<RemoteIds> {
        let mut square = self.square();
        if self.defect == Defect::SendsEditsAnew {
            square.shown.push(Shown { id: 99, key: String::new(), seen: seen(request) });
        } else if let Some(shown) = square.shown.iter_mut().find(|shown| ids(shown.id) == *sent) {
            shown.seen = seen(request);
        }
        Verdict::Sent(sent.clone())
    }

    async fn delete(&self, _: &ConversationRef, sent: &RemoteIds) -> Verdict<()> {
        if self.defect != Defect::KeepsDeleted {
            self.square().shown.retain(|shown| ids(shown.id) != *sent);
        }
        Verdict::Sent(())
    }

    async fn pin(&self, _: &ConversationRef, _: &RemoteIds) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn open_direct(&self, _: &Address) -> Verdict<ConversationDescriptor> {
        Verdict::Sent(conversation())
    }

    async fn upload(&self, _: &Media) -> Verdict<RemoteMediaId> {
        Verdict::Rejected { reason: "parrots take no pictures".into() }
    }

    async fn acknowledge(&self, _: &Value, _: Acknowledgement) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn reconcile(&self, _: &SendRequest<'_>, _: DateTime<Utc>) -> Verdict<RemoteIds> {
        Verdict::Unknown { reason: "parrots do not remember".into() }
    }

    async fn publish_commands(&self, _: &[CommandMenu]) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn close_poll(&self, _: &ConversationRef, _: &RemoteIds) -> Verdict<PollCounts> {
        let mut square = self.square();
        let mut options = vec![0; 3];
        for vote in &square.votes {
            options[usize::from(*vote)] += 1;
        }
        if self.defect == Defect::MiscountsPolls {
            square.votes.clear();
        }
        Verdict::Sent(PollCounts { options, voters: None })
    }

    fn private_link(&self, payload: Option<&str>) -> Option<PrivateLink> {
        let payload = payload.filter(|_| self.defect != Defect::LinksNowhere).unwrap_or_default();
        Some(PrivateLink { url: format!("https://square.example/{payload}"), carries_payload: true })
    }

    async fn examine(&self) -> Vec<Finding> {
        match self.defect {
            Defect::FindsFaultWhereThereIsNone => vec![Finding::wrong("square", "too small", "enlarge it")],
            _ => vec![Finding::fine("square", "large enough")],
        }
    }

    fn health(&self) -> AccountHealth {
        if *self.ready.borrow() { AccountHealth::Ready } else { AccountHealth::Starting }
    }
}

impl Parrot {
    fn event(&self, id: u64, kind: &InboundKind) -> InboundEvent {
        let unique = if self.defect == Defect::NamesEventsAtRandom { uuid::Uuid::new_v4().as_u64_pair().0 } else { id };
        InboundEvent {
            dedupe_key: unique.to_string(),
            conversation: conversation(),
            actor: Some(Actor { address: Address::new(self.platform(), "polly"), locale: Some(Locale::Fr) }),
            kind: kind.clone(),
            acknowledgement: None,
        }
    }
}

struct ParrotBench {
    square: Arc<Mutex<Square>>,
    spoken: watch::Sender<()>,
    defect: Defect,
    clock: Clock,
}

impl ParrotBench {
    fn square(&self) -> MutexGuard<'_, Square> {
        self.square.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hears(&self, kind: InboundKind) -> Heard {
        let mut square = self.square();
        square.ids += 1;
        let id = square.ids;
        square.said.push((id, kind));
        drop(square);
        self.spoken.send_replace(());
        Heard::Yes
    }
}

#[async_trait]
impl AdapterBench for ParrotBench {
    async fn adapter(&self) -> Arc<dyn Adapter> {
        Arc::new(Parrot {
            square: self.square.clone(),
            spoken: self.spoken.clone(),
            defect: self.defect,
            clock: self.clock.clone(),
            ready: watch::Sender::new(false),
        })
    }

    async fn conversation(&self) -> ConversationRef {
        conversation()
    }

    async fn says(&self, text: &str) -> Heard {
        self.hears(InboundKind::Text { text: text.to_owned().into() })
    }

    async fn presses(&self, token: &ActionToken) -> Heard {
        self.hears(InboundKind::Action { token: token.clone() })
    }

    async fn repeats(&self) {
        let mut square = self.square();
        let last = square.said.last().cloned();
        square.said.extend(last);
        drop(square);
        self.spoken.send_replace(());
    }

    async fn votes(&self, option: u16) -> bool {
        self.square().votes.push(option);
        true
    }

    async fn seen(&self) -> Vec<Seen> {
        self.square().shown.iter().map(|shown| shown.seen.clone()).collect()
    }

    async fn provoke(&self, fault: Fault) -> Provoked {
        self.square().fault = Some(fault);
        Provoked::Yes
    }
}

async fn failures(defect: Defect, chosen: impl Fn(&str) -> bool) -> Vec<String> {
    let build = async |account: TestAccount| ParrotBench {
        square: Arc::default(),
        spoken: watch::Sender::new(()),
        defect,
        clock: account.context.clock,
    };
    let table = outcomes("parrot", build, chosen).await;
    assert!(!table.is_empty(), "there is such a case");
    table.into_iter().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_))).map(|(case, _)| case).collect()
}

#[tokio::test]
async fn a_correct_adapter_passes() {
    assert_eq!(failures(Defect::None, |_| true).await, Vec::<String>::new());
}

#[tokio::test]
async fn every_defect_is_found_by_its_case() {
    let defects = [
        (Defect::CallsThrottlesRetries, "every fault has its verdict: Throttled"),
        (Defect::SaysNothingWasWritten, "every fault has its verdict: LostReply"),
        (Defect::ForgetsKeys, "a repeated send shows once"),
        (Defect::SendsEditsAnew, "an edit changes a message in its place"),
        (Defect::KeepsDeleted, "a deleted message is gone, also the second time"),
        (Defect::CutsLongText, "a long text is split within the limits and nothing is lost"),
        (Defect::RendersTheTime, "rendering is pure"),
        (Defect::LosesChoices, "choices are buttons or numbers"),
        (Defect::AcknowledgesFirst, "nothing is acknowledged before it is in the inbox"),
        (Defect::NamesEventsAtRandom, "a repeated event is taken once"),
        (Defect::TakesLatestFirst, "events arrive in order"),
        (Defect::StartsAtTheEnd, "nothing said while it was stopped is lost"),
        (Defect::MiscountsPolls, "a native poll is closed and counted, also the second time"),
        (Defect::FindsFaultWhereThereIsNone, "setting up is examined step by step"),
        (Defect::LinksNowhere, "a private link can be followed"),
        (Defect::HangsOnStop, "it stops promptly and can run again"),
    ];
    join_all(defects.map(async |(defect, case)| {
        assert_eq!(failures(defect, |name| name == case).await, [case], "{defect:?}");
    }))
    .await;
}
