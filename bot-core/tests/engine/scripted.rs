//! A platform whose every answer can be scripted, and a plugin that does what it is told.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bot_core::action::{ActionPayload, ActionToken};
use bot_core::adapter::*;
use bot_core::intake::Intake;
use bot_core::message::layout::{ButtonLimits, words_of};
use bot_core::message::{Block, Body, Capabilities, Document, Layout, Poll, PollLimits, TextUnit};
use bot_core::plugin::*;
use bot_core::store::media::Media;
use bot_core::{Address, ContactId, Locale, Platform, Redacted};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// One message as the platform's users see it.
#[derive(Clone, Debug)]
pub struct Shown {
    pub key: String,
    pub words: String,
    pub buttons: Vec<(String, ActionToken)>,
}

#[derive(Default)]
pub struct World {
    pub chats: HashMap<String, Vec<Shown>>,
    /// Verdicts for the next calls of `send`, before it behaves.
    pub script: VecDeque<Verdict<RemoteIds>>,
    /// Calls of `send` so far, by idempotency key.
    pub calls: Vec<String>,
    pub reconciled: Option<Verdict<RemoteIds>>,
    pub uploads: usize,
    pub polls_closed: usize,
    /// What closing a poll counts; 2 to 1 unless a test says otherwise.
    pub counts: Option<PollCounts>,
}

pub struct ScriptedPlatform {
    pub platform: Platform,
    pub world: Mutex<World>,
    pub buttons: bool,
    /// This process cannot run the account.
    pub refused: bool,
    pub polls: bool,
    pub idempotent_for: TimeDelta,
    pub pacing: Pacing,
    pub presses_kept_for: Option<TimeDelta>,
    /// Who moderates every room.
    pub moderator: Option<&'static str>,
    intake: watch::Sender<Option<Intake>>,
}

impl ScriptedPlatform {
    pub fn new(platform: &str) -> Self {
        Self {
            platform: Platform::new(platform),
            world: Mutex::default(),
            buttons: true,
            refused: false,
            polls: true,
            idempotent_for: TimeDelta::zero(),
            presses_kept_for: None,
            moderator: None,
            pacing: Pacing::default(),
            intake: watch::Sender::new(None),
        }
    }

    pub async fn intake(&self) -> Intake {
        let mut intake = self.intake.subscribe();
        intake.wait_for(Option::is_some).await.unwrap().clone().unwrap()
    }

    /// Waits until nobody receives here.
    pub async fn left(&self) {
        self.intake.subscribe().wait_for(Option::is_none).await.unwrap();
    }

    /// The next [`ScriptedPlatform::intake`] waits for the service that starts now.
    pub fn forget_intake(&self) {
        self.intake.send_replace(None);
    }

    pub fn will_answer(&self, verdicts: impl IntoIterator<Item = Verdict<RemoteIds>>) {
        self.world.lock().unwrap().script.extend(verdicts);
    }

    pub fn chat(&self, name: &str) -> Vec<Shown> {
        self.world.lock().unwrap().chats.get(name).cloned().unwrap_or_default()
    }

    pub fn words(&self, name: &str) -> Vec<String> {
        self.chat(name).into_iter().map(|shown| shown.words).collect()
    }
}

fn shown(request: &SendRequest<'_>) -> Shown {
    let words = match &request.part.body {
        Body::Text { blocks } => blocks.iter().map(words_of).collect::<Vec<_>>().join("\n"),
        Body::Picture { alternative, .. } => format!("[{alternative}]"),
        Body::File { label, .. } => format!("[{label}]"),
        Body::Poll { poll } => format!("({} {})", poll.question, poll.options.join(" / ")),
    };
    let buttons = request.part.buttons.iter().map(|button| (button.label.clone(), button.token.clone())).collect();
    Shown { key: request.idempotency_key(), words, buttons }
}

#[async_trait]
impl Adapter for ScriptedPlatform {
    fn platform(&self) -> Platform {
        self.platform.clone()
    }

    fn assurance(&self) -> Assurance {
        Assurance::Account
    }

    async fn moderates(&self, room: &ConversationRef, person: &Address) -> Verdict<bool> {
        assert_ne!(room.kind, ConversationKind::Direct, "nobody moderates a private conversation");
        match self.moderator {
            None => Verdict::Retry { reason: "it cannot be asked".to_owned() },
            Some(moderator) => Verdict::Sent(person.path.expose() == moderator),
        }
    }

    fn idempotent_for(&self) -> TimeDelta {
        self.idempotent_for
    }

    fn presses_kept_for(&self) -> Option<TimeDelta> {
        self.presses_kept_for
    }

    fn pacing(&self) -> Pacing {
        self.pacing
    }

    fn secrets(&self) -> Vec<Redacted<String>> {
        Vec::new()
    }

    fn capabilities(&self, conversation: &ConversationRef) -> Capabilities {
        Capabilities {
            text_unit: TextUnit::Scalar,
            text_units_max: 300,
            caption_units_max: 100,
            buttons: self.buttons.then_some(ButtonLimits { count_max: 10, label_units_max: 60 }),
            pictures: true,
            files: true,
            polls: self.polls.then_some(PollLimits { options_max: 4, question_units_max: 100, option_units_max: 40 }),
            edits: true,
            private: conversation.kind == ConversationKind::Direct,
        }
    }

    fn render(
        &self,
        document: &Document,
        conversation: &ConversationRef,
        seal: &(dyn Fn(&ActionPayload) -> ActionToken + Sync),
    ) -> Layout {
        let measure = |blocks: &[Block]| blocks.iter().map(|block| words_of(block).chars().count() + 1).sum();
        Layout::of(document, &self.capabilities(conversation), measure, seal)
    }

    async fn run(&self, intake: Intake, stop: CancellationToken) -> Result<(), RunError> {
        if self.refused {
            return Err(RunError::Refused("its files are elsewhere".to_owned()));
        }
        self.intake.send_replace(Some(intake));
        stop.cancelled().await;
        self.intake.send_replace(None);
        Ok(())
    }

    async fn send(&self, request: &SendRequest<'_>) -> Verdict<RemoteIds> {
        let mut world = self.world.lock().unwrap();
        let shown = shown(request);
        world.calls.push(shown.key.clone());
        let verdict = world.script.pop_front();
        let ids = RemoteIds(vec![shown.key.clone()]);
        let lost_reply = matches!(&verdict, Some(Verdict::Unknown { reason }) if reason == "arrived");
        if verdict.is_none() || lost_reply {
            let known = self.idempotent_for > TimeDelta::zero();
            let chat = world.chats.entry(request.conversation.platform_ref.expose().clone()).or_default();
            if !(known && chat.iter().any(|before| before.key == shown.key)) {
                chat.push(shown);
            }
        }
        verdict.unwrap_or(Verdict::Sent(ids))
    }

    async fn edit(&self, request: &SendRequest<'_>, sent: &RemoteIds) -> Verdict<RemoteIds> {
        let mut world = self.world.lock().unwrap();
        let new = shown(request);
        let chat = world.chats.entry(request.conversation.platform_ref.expose().clone()).or_default();
        match chat.iter_mut().find(|before| sent.0.contains(&before.key)) {
            Some(before) => {
                before.words = new.words;
                before.buttons = new.buttons;
                Verdict::Sent(sent.clone())
            }
            None => Verdict::Rejected { reason: "no such message".to_owned() },
        }
    }

    async fn delete(&self, conversation: &ConversationRef, sent: &RemoteIds) -> Verdict<()> {
        let mut world = self.world.lock().unwrap();
        let chat = world.chats.entry(conversation.platform_ref.expose().clone()).or_default();
        chat.retain(|shown| !sent.0.contains(&shown.key));
        Verdict::Sent(())
    }

    async fn pin(&self, _: &ConversationRef, _: &RemoteIds) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn open_direct(&self, address: &Address) -> Verdict<ConversationDescriptor> {
        Verdict::Sent(ConversationRef { kind: ConversationKind::Direct, platform_ref: address.path.clone() })
    }

    async fn upload(&self, media: &Media) -> Verdict<RemoteMediaId> {
        self.world.lock().unwrap().uploads += 1;
        Verdict::Sent(RemoteMediaId(media.hash.to_string()))
    }

    async fn acknowledge(&self, _: &Value, _: Acknowledgement) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn reconcile(&self, _: &SendRequest<'_>, _: DateTime<Utc>) -> Verdict<RemoteIds> {
        let scripted = self.world.lock().unwrap().reconciled.clone();
        scripted.unwrap_or_else(|| Verdict::Unknown { reason: "the platform cannot tell".to_owned() })
    }

    async fn publish_commands(&self, _: &[CommandMenu]) -> Verdict<()> {
        Verdict::Sent(())
    }

    async fn close_poll(&self, _: &ConversationRef, _: &RemoteIds) -> Verdict<PollCounts> {
        let mut world = self.world.lock().unwrap();
        world.polls_closed += 1;
        Verdict::Sent(world.counts.clone().unwrap_or(PollCounts { options: vec![2, 1], voters: Some(3) }))
    }

    fn private_link(&self, payload: Option<&str>) -> Option<PrivateLink> {
        let url = format!("https://scripted.example/{}", payload.unwrap_or_default());
        Some(PrivateLink { url, carries_payload: true })
    }

    async fn examine(&self) -> Vec<Finding> {
        Vec::new()
    }

    fn health(&self) -> AccountHealth {
        AccountHealth::Ready
    }
}

/// What the scripted plugin has heard, outside any transaction.
pub type Heard = Arc<Mutex<Vec<String>>>;

pub struct ScriptedPlugin {
    manifest: Manifest,
    pub heard: Heard,
}

impl ScriptedPlugin {
    /// Its commands are the given names, in French and English alike.
    pub fn new(id: &str, commands: &[&'static str]) -> Self {
        let commands = commands.iter().map(|&name| CommandDeclaration {
            name,
            name_en: name,
            summary_fr: "un essai",
            summary_en: "a test",
            audience: match name {
                _ if name.starts_with("organise") => Audience::Organisers,
                _ if name.starts_with("moderate") => Audience::Moderators,
                _ => Audience::Everyone,
            },
            linkable: name == "ping",
        });
        let manifest = Manifest {
            id: id.parse().unwrap(),
            version: "1.0.0",
            commands: commands.collect(),
            subscriptions: vec![Subscription::Links, Subscription::Erasures, Subscription::Polls, Subscription::Notes],
            settings_schema: json!({}),
            sql_schema: "scripted",
        };
        Self { manifest, heard: Heard::default() }
    }

    fn hear(&self, what: impl Into<String>) {
        self.heard.lock().unwrap().push(what.into());
    }
}

fn fire(cx: &Context, subject: &str, minutes: i64, misfire: Misfire) -> Fire {
    Fire {
        scope: "alarm".to_owned(),
        subject: subject.to_owned(),
        due_at: cx.now + TimeDelta::minutes(minutes),
        misfire,
        payload: json!(subject),
        repeat: None,
    }
}

#[async_trait]
impl Plugin for ScriptedPlugin {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn audience(&self, action: &ActionPayload) -> Audience {
        match action.as_bytes() {
            [99] => Audience::Organisers,
            [98] => Audience::Moderators,
            _ => Audience::Everyone,
        }
    }

    async fn start(&self, _: &mut Context) -> HandlerResult {
        Ok(())
    }

    async fn on_command(&self, cx: &mut Context, command: &CommandCall) -> HandlerResult {
        self.hear(format!("/{} {}", command.name, command.arguments).trim().to_owned());
        match command.name.as_str() {
            "panic" => panic!("the plugin's own fault"),
            "hang" => std::future::pending::<()>().await,
            #[allow(clippy::empty_loop, reason = "the very fault under test")]
            "spin" => loop {
                std::hint::spin_loop();
            },
            "flood" => {
                for number in 0..1000 {
                    cx.reply(Document::says(format!("{number}")));
                }
            }
            "fail" => return Err(HandlerError::Broken("on purpose".to_owned())),
            "wrongsql" => {
                sqlx::query("SELECT nothing FROM nowhere").execute(cx.sql()).await?;
            }
            "ask" => {
                cx.await_text("name", TimeDelta::minutes(30));
                cx.reply_as(
                    "question",
                    Document::says("Comment vous appelez-vous ?").step("Passer", ActionPayload::new([0]).unwrap()),
                );
            }
            "choose" => cx.reply_as(
                "question",
                Document::says("Quel jour ?")
                    .choice("Samedi", ActionPayload::new([1]).unwrap())
                    .choice("Dimanche", ActionPayload::new([2]).unwrap()),
            ),
            "moderate_button" => cx.reply(Document::says("?").choice("Décider", ActionPayload::new([98]).unwrap())),
            "organise_button" => cx.reply(Document::says("?").choice("Fermer", ActionPayload::new([99]).unwrap())),
            "long" => cx.reply(Document::says("Une phrase assez longue pour compter. ".repeat(40))),
            "skip" => cx.schedule(fire(cx, "skip", 60, Misfire::Skip)),
            "broken" => cx.schedule(fire(cx, "broken", 1, Misfire::RunOnce)),
            "once" => cx.schedule(fire(cx, "once", 60, Misfire::RunOnce)),
            "within" => cx.schedule(fire(cx, "within", 60, Misfire::SendIfWithin { seconds: 3600 })),
            "daily" => {
                let mut daily = fire(cx, "daily", 0, Misfire::RunOnce);
                daily.repeat = Some(Repeat { cron: "0 9 * * *".to_owned(), time_zone: chrono_tz::Europe::Paris });
                daily.due_at = cx.now + TimeDelta::minutes(1);
                cx.schedule(daily);
            }
            "announce" => {
                let mut message = Outgoing::new(
                    Recipient::Consenting,
                    Purpose::Consultation,
                    "campaign",
                    Document::says("Une annonce"),
                );
                message.translations = vec![(Locale::En, Document::says("An announcement"))];
                message.subject = command.arguments.clone();
                message.not_after = Some(cx.now + TimeDelta::hours(2));
                message.report = true;
                cx.send(message);
            }
            // To everybody who agreed, whenever it may; the argument is the sender's rule.
            "remind" | "remindtoo" => {
                let mut message = Outgoing::new(
                    Recipient::Consenting,
                    Purpose::Consultation,
                    "reminders",
                    Document::says("Un rappel"),
                );
                message.lane = Lane::Normal;
                message.sending_rule = serde_json::from_str(&command.arguments).ok();
                cx.send(message);
            }
            "servicenote" => {
                let caller = cx.caller.as_ref().unwrap().contact;
                let to = Recipient::Contact(caller);
                cx.send(Outgoing::new(to, Purpose::Service, "notes", Document::says("Une note")));
            }
            "later" => {
                let caller = cx.caller.clone().unwrap();
                let mut message = Outgoing::new(
                    Recipient::Contact(caller.contact),
                    Purpose::Service,
                    "campaign",
                    Document::says("Plus tard"),
                );
                message.not_before = Some(cx.now + TimeDelta::hours(1));
                message.subject = "later".to_owned();
                message.message_key = Some(format!("later {}", command.arguments));
                message.report = true;
                cx.send(message);
            }
            "poll" => {
                let poll = Poll {
                    question: "Le marché ?".to_owned(),
                    options: vec!["Samedi".to_owned(), "Dimanche".to_owned()],
                    multiple: false,
                };
                let here = Recipient::Conversation(cx.caller.as_ref().unwrap().conversation.id);
                let document = Document::says("Sans valeur de vote.").poll(poll);
                let mut message = Outgoing::new(here, Purpose::Service, "pulse", document);
                message.subject = "market".to_owned();
                message.message_key = Some("pulse".to_owned());
                cx.send(message);
            }
            "closepoll" => cx.close_poll(ClosePoll {
                conversation: cx.caller.as_ref().unwrap().conversation.id,
                message_key: "pulse".to_owned(),
                scope: "pulse".to_owned(),
                subject: "market".to_owned(),
            }),
            "fetch" => cx.fetch(Fetch {
                scope: "feed".to_owned(),
                subject: "one".to_owned(),
                request: FetchRequest::get(command.arguments.clone()),
                payload: json!("kept"),
            }),
            "handover" => {
                cx.reply(Document::says("Je passe la main."));
                cx.hand_over("ping", &command.arguments);
            }
            "handoverround" => cx.hand_over("handoverround", ""),
            "note" => cx.note(Note {
                topic: "questionnaire.answered".to_owned(),
                subject: command.arguments.clone(),
                contact: cx.caller.as_ref().map(|caller| caller.contact),
                details: json!({}),
            }),
            "agree" => cx.give_consent(Purpose::Reminder, "Oui, rappelez-moi."),
            "disagree" => cx.withdraw_consent(Purpose::Reminder),
            // To the caller thrice and to each organiser, in one effect.
            "each" => {
                let contact = cx.caller.as_ref().unwrap().contact;
                let message = |to, subject: &str| {
                    let words =
                        Document::says(format!("Rappel {subject}")).choice("Oui", ActionPayload::new([7]).unwrap());
                    Outgoing { subject: subject.to_owned(), ..Outgoing::new(to, Purpose::Reminder, "campaign", words) }
                };
                cx.send_each(vec![
                    message(Recipient::Contact(contact), "un"),
                    message(Recipient::Contact(contact), "deux"),
                    message(Recipient::ContactElsewhere(contact), "trois"),
                    message(Recipient::Organisers, "organisers"),
                ]);
            }
            "stands" => {
                let subjects = ["un", "deux", "trois"].map(str::to_owned);
                let views = cx.deliveries("campaign", &subjects).await?;
                let words: Vec<String> = views.iter().map(|view| format!("{}={}", view.subject, view.state)).collect();
                cx.reply(Document::says(words.join(" ")));
            }
            "cancel" => cx.cancel("campaign", Some("later".to_owned())),
            "cancelone" => {
                cx.cancel_messages("campaign", "later", vec![format!("later {}", command.arguments)]);
            }
            "stopsubject" => cx.stop_subject("campaign", "later"),
            "resumesubject" => cx.resume_subject("campaign", "later"),
            "picture" => {
                let hash = cx.store_media("image/png", "image.png", b"not really a picture".to_vec());
                cx.reply(Document::new().figure(hash, "deux barres"));
            }
            "count" => {
                for number in 0..5 {
                    cx.reply(Document::says(format!("{number}")));
                }
            }
            "secret" => {
                cx.reveals_choice("vote:1");
                cx.reply_with(Reply {
                    document: Document::says("Vous avez choisi la halle"),
                    message_key: None,
                    reveals: Some("vote:1".to_owned()),
                });
            }
            "close" => cx.forget_choices("vote:1", &[]),
            _ => cx.reply(Document::says(format!("{} {}", command.name, command.arguments).trim().to_owned())),
        }
        Ok(())
    }

    async fn on_action(&self, cx: &mut Context, action: &ActionPayload) -> HandlerResult {
        self.hear(format!("action {:?}", action.as_bytes()));
        cx.edit(Edit {
            conversation: None,
            message_key: "question".to_owned(),
            document: Document::says(format!("Choisi : {:?}", action.as_bytes())),
            coalesce_key: None,
            reveals: None,
        });
        Ok(())
    }

    async fn on_text(&self, cx: &mut Context, name: &str, text: &str) -> HandlerResult {
        self.hear(format!("{name} = {text}"));
        cx.stop_awaiting();
        cx.reply(Document::says(format!("Bonjour {text}")));
        Ok(())
    }

    async fn on_event(&self, cx: &mut Context, event: &Event) -> HandlerResult {
        match event {
            Event::ContactsMerged { kept, joiner, kept_addresses, joiner_addresses } => {
                cx.carry_consent(Purpose::Reminder, *joiner, *kept).await?;
                self.hear(format!("merged {} and {}", kept_addresses.len(), joiner_addresses.len()));
            }
            Event::ContactSplit { .. } => self.hear("split"),
            Event::ContactErased { addresses, .. } => self.hear(format!("erased {}", addresses.len())),
            Event::Reaction { message, key, removed } => {
                self.hear(format!("reaction {key} on {} removed {removed}", message.subject));
            }
            Event::PollVote { message, options } => self.hear(format!("vote {options:?} in {}", message.subject)),
            Event::Noted { by, note } => self.hear(format!("{by} noted {} {}", note.topic, note.subject)),
        }
        Ok(())
    }

    async fn on_fire(&self, _: &mut Context, fire: &FiredFire) -> HandlerResult {
        self.hear(format!("fire {}", fire.subject));
        if fire.subject == "broken" {
            return Err(HandlerError::Broken("on purpose".to_owned()));
        }
        Ok(())
    }

    async fn on_delivery(&self, _: &mut Context, outcome: &DeliveryOutcome) -> HandlerResult {
        self.hear(format!("delivery {} {}", outcome.subject, outcome.state));
        if let Some(counts) = &outcome.counts {
            self.hear(format!("counted {:?}", counts.options));
        }
        Ok(())
    }

    async fn on_fetched(&self, cx: &mut Context, fetched: &Fetched) -> HandlerResult {
        let what = match &fetched.outcome {
            Ok(response) => format!("{} {}", response.status, String::from_utf8_lossy(&response.body)),
            Err(failure) => failure.kind().to_owned(),
        };
        self.hear(format!("fetched {} {what}", fetched.payload));
        if what.ends_with("poison") {
            return Err(HandlerError::Broken("on purpose".to_owned()));
        }
        // What is heard once shows as one row, whatever the heard words of rolled back calls say.
        cx.audit("fetched", fetched.subject.clone(), json!({}));
        Ok(())
    }

    async fn export(&self, _: &mut Context, _: ContactId) -> Result<Value, HandlerError> {
        Ok(json!({ "remembered": "nothing" }))
    }
}
