//! Somebody on a chat network: says things, presses what is shown (or answers its number), reads what comes back.
//! What a person does is the same everywhere; only how it is done differs.

use std::sync::Arc;
use std::time::Duration;

use fake_discord::{Answered, FakeDiscord};
use fake_telegram::FakeTelegram;
use real_matrix::{Citizen, Said};
use tokio::time::{Instant, timeout};

/// Whoever waits this long for an answer has waited in vain.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at what another process shows.
pub async fn a_moment() {
    let nothing = std::future::pending::<()>();
    let _ = timeout(Duration::from_millis(20), nothing).await;
}

/// One message as it is shown now.
#[derive(Clone, PartialEq, Debug)]
pub struct Shown {
    pub id: String,
    pub text: String,
    pub buttons: Vec<Button>,
    /// It is, or carries, a picture or another file.
    pub file: bool,
    /// It is a native poll.
    pub poll: bool,
    /// Where its links lead, as far as the network tells them apart from the words.
    pub links: Vec<String>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Button {
    pub label: String,
    /// What the network carries when it is pressed; the number to write where there are no buttons.
    pub press: String,
    pub chosen: bool,
}

impl Button {
    fn of(words: &str, press: String) -> Self {
        let words = plain(words);
        let label = words.trim_start_matches("✓ ").to_owned();
        Self { chosen: label != words, label, press }
    }
}

impl Shown {
    fn words(&self) -> String {
        let buttons = self.buttons.iter().map(|button| format!("[{}]", button.label));
        std::iter::once(self.text.clone()).chain(buttons).collect::<Vec<_>>().join("\n")
    }
}

/// Without the spaces that keep French punctuation in place, which nobody wants to type in a test.
fn plain(text: &str) -> String {
    text.replace(['\u{a0}', '\u{202f}'], " ")
}

/// Without the backslashes that keep Discord from reading markup.
fn unescaped(text: &str) -> String {
    let mut characters = text.chars().peekable();
    let mut plain = String::new();
    while let Some(character) = characters.next() {
        if character == '\\' && characters.peek().is_some_and(char::is_ascii_punctuation) {
            continue;
        }
        plain.push(character);
    }
    plain
}

/// What `bot` said in a room, with edits in their places. Numbered lines are what may be answered.
fn in_matrix(said: Vec<Said>, bot: &str) -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::new();
    let told = ["m.room.message", "org.matrix.msc3381.poll.start"];
    for said in said.into_iter().filter(|said| said.sender == bot && told.contains(&said.event_type.as_str())) {
        assert!(said.decrypted, "the bot wrote in the clear");
        let replaced = (said.content["m.relates_to"]["rel_type"] == "m.replace")
            .then(|| said.content["m.relates_to"]["event_id"].as_str().unwrap_or_default().to_owned());
        let content = if replaced.is_some() { &said.content["m.new_content"] } else { &said.content };
        let text = plain(content["body"].as_str().unwrap_or_default());
        let buttons = text.lines().filter_map(|line| line.split_once(". "));
        let buttons = buttons.filter(|(number, _)| number.parse::<u8>().is_ok());
        let buttons = buttons.map(|(number, words)| Button::of(words, number.to_owned())).collect();
        let file = matches!(content["msgtype"].as_str(), Some("m.image" | "m.file"));
        match replaced.and_then(|id| shown.iter_mut().find(|shown| shown.id == id)) {
            Some(before) => (before.text, before.buttons) = (text, buttons),
            None => {
                let poll = said.event_type != "m.room.message";
                shown.push(Shown { id: said.id, text, buttons, file, poll, links: Vec::new() });
            }
        }
    }
    shown
}

/// A group, channel or room with the bot in it.
#[derive(Clone, PartialEq, Debug)]
pub enum Room {
    Telegram(i64),
    Discord(fake_discord::ChannelId),
    Matrix(String),
}

#[derive(Clone)]
enum Network {
    Telegram { telegram: Arc<FakeTelegram>, person: i64, chat: i64 },
    Discord { discord: FakeDiscord, person: fake_discord::Person, channel: fake_discord::ChannelId },
    Matrix { citizen: Citizen, room: String, bot: String },
}

/// Somebody, in their conversation with the bot or in a room.
pub struct Person {
    network: Network,
    /// What was shown when this person last did something: what is not among it is the answer.
    before: Vec<Shown>,
}

impl Person {
    pub fn on_telegram(telegram: &Arc<FakeTelegram>, person: i64) -> Self {
        Self::on(Network::Telegram { telegram: Arc::clone(telegram), person, chat: person })
    }

    pub fn on_discord(discord: &FakeDiscord, name: &str) -> Self {
        let person = discord.person(name);
        let channel = person.direct();
        Self::on(Network::Discord { discord: discord.clone(), person, channel })
    }

    /// Somebody who has invited `bot` to an encrypted room of two.
    pub async fn on_matrix(citizen: Citizen, bot: &str, room_version: &str) -> Self {
        let room = citizen.opens_direct(bot, room_version).await;
        Self::on(Network::Matrix { citizen, room, bot: bot.to_owned() })
    }

    fn on(network: Network) -> Self {
        Self { network, before: Vec::new() }
    }

    /// The same person in a room of their network.
    pub fn within(&self, room: &Room) -> Self {
        let mut network = self.network.clone();
        match (&mut network, room) {
            (Network::Telegram { chat, .. }, Room::Telegram(group)) => *chat = *group,
            (Network::Discord { channel, .. }, Room::Discord(other)) => *channel = *other,
            (Network::Matrix { room, .. }, Room::Matrix(other)) => room.clone_from(other),
            _ => panic!("this room is on another network"),
        }
        Self::on(network)
    }

    /// Opens a room with the bot in it, and with `guest`.
    pub async fn opens_room(&self, guest: &Self) -> Room {
        match (&self.network, &guest.network) {
            (Network::Telegram { telegram, person, .. }, _) => {
                let group = telegram.group(-*person);
                group.adds_the_bot(*person);
                Room::Telegram(group.id())
            }
            (Network::Discord { discord, .. }, _) => Room::Discord(discord.guild("Le quartier CANARY").1),
            (Network::Matrix { citizen, bot, .. }, Network::Matrix { citizen: guest, .. }) => {
                let room = citizen.opens_room(&[bot, &guest.user]).await;
                guest.joins(&room).await;
                Room::Matrix(room)
            }
            _ => panic!("the guest is on another network"),
        }
    }

    pub fn network(&self) -> &'static str {
        match &self.network {
            Network::Telegram { .. } => "telegram",
            Network::Discord { .. } => "discord",
            Network::Matrix { .. } => "matrix",
        }
    }

    /// How the service knows this person.
    pub fn address(&self) -> String {
        match &self.network {
            Network::Telegram { person, .. } => format!("telegram:{person}"),
            Network::Discord { person, .. } => format!("discord:{}", person.id),
            Network::Matrix { citizen, .. } => format!("matrix:{}", citizen.user),
        }
    }

    /// Everything the bot shows this person here, as it is now.
    pub async fn sees(&self) -> Vec<Shown> {
        match &self.network {
            Network::Telegram { telegram, chat, .. } => {
                let seen = telegram.seen(*chat).into_iter().map(|seen| {
                    let buttons = seen.buttons.into_iter();
                    let entities = seen.message["entities"].as_array().cloned().unwrap_or_default();
                    Shown {
                        id: seen.message_id.to_string(),
                        text: plain(&seen.text),
                        buttons: buttons.map(|button| Button::of(&button.label, button.data)).collect(),
                        poll: seen.message["poll"].is_object(),
                        file: seen.message["photo"].is_array() || seen.message["document"].is_object(),
                        links: entities.iter().filter_map(|entity| entity["url"].as_str()).map(str::to_owned).collect(),
                    }
                });
                seen.collect()
            }
            Network::Discord { person, channel, .. } => {
                let seen = person.sees(*channel).into_iter().filter(|seen| !seen.thinking);
                let seen = seen.map(|seen| Shown {
                    id: seen.id.to_string(),
                    file: !seen.descriptions.is_empty(),
                    poll: seen.question.is_some(),
                    text: plain(&unescaped(
                        &std::iter::once(seen.content)
                            .chain(seen.question)
                            .chain(seen.descriptions)
                            .collect::<String>(),
                    )),
                    buttons: seen.buttons.into_iter().map(|button| Button::of(&button.label, button.id)).collect(),
                    links: Vec::new(),
                });
                seen.collect()
            }
            Network::Matrix { citizen, room, bot } => in_matrix(citizen.sees(room).await, bot),
        }
    }

    pub async fn says(&mut self, text: &str) {
        self.before = self.sees().await;
        match &self.network {
            Network::Telegram { telegram, person, chat } => telegram.person(*person).says_in(*chat, text),
            Network::Discord { person, channel, .. } => {
                person.says_in(*channel, text);
            }
            Network::Matrix { citizen, room, bot } => {
                citizen.says(room, bot, text).await;
            }
        }
    }

    /// Calls a command as the network's menu does it.
    pub async fn calls(&mut self, command: &str, words: &str) {
        self.before = self.sees().await;
        match &self.network {
            Network::Discord { person, channel, .. } => {
                let answered = person.runs(*channel, command, Some(words)).await;
                assert_ne!(answered, Answered::NotAtAll, "the interaction failed");
            }
            Network::Telegram { .. } | Network::Matrix { .. } => self.says(&format!("/{command} {words}")).await,
        }
    }

    /// Says in a room something that reaches the bot wherever it may not read everything.
    pub async fn addresses_the_bot(&mut self, text: &str) {
        match &self.network {
            Network::Discord { discord, .. } => {
                let bot = discord.bot();
                self.says(&format!("<@{bot}> {text}")).await;
            }
            Network::Telegram { .. } | Network::Matrix { .. } => self.says(text).await,
        }
    }

    /// Presses the button whose label begins with `label` in the answer to what was done last, or answers its number.
    pub async fn taps(&mut self, label: &str) {
        let button = self.finds(label).await;
        self.presses(&button).await;
    }

    /// The button whose label begins with `label` in the answer to what was done last.
    pub async fn finds(&self, label: &str) -> Button {
        self.until(&format!("a button {label:?}"), |answers| {
            let buttons = answers.iter().rev().flat_map(|shown| &shown.buttons);
            buttons.into_iter().find(|button| button.label.starts_with(label)).cloned()
        })
        .await
    }

    pub async fn presses(&mut self, button: &Button) {
        self.before = self.sees().await;
        match &self.network {
            Network::Telegram { telegram, person, chat } => {
                assert!(telegram.person(*person).presses_in(*chat, &button.press).is_some(), "no such button");
            }
            Network::Discord { person, channel, .. } => {
                let answered = person.presses(*channel, &button.press).await;
                assert_ne!(answered, Answered::NotAtAll, "the interaction failed");
            }
            Network::Matrix { citizen, room, bot } => {
                citizen.says(room, bot, &button.press).await;
            }
        }
    }

    /// Answers the native poll that asks `question` here with the option at this place, from 0.
    pub async fn votes_natively(&self, question: &str, option: usize) {
        let poll = self
            .until(&format!("a poll that asks {question:?}"), |answers| {
                answers.iter().rev().find(|shown| shown.poll && shown.text.contains(question)).cloned()
            })
            .await;
        match &self.network {
            Network::Telegram { telegram, person, chat } => telegram.person(*person).votes_in(*chat, &[option]),
            Network::Discord { person, channel, .. } => person.votes(*channel, poll.id.parse().unwrap(), option),
            Network::Matrix { citizen, room, bot } => {
                citizen.votes(room, bot, &poll.id, &[&(option + 1).to_string()]).await;
            }
        }
    }

    /// Reacts to a message, on a network where the bot hears of it.
    pub async fn reacts(&mut self, to: &Shown, key: &str) {
        self.before = self.sees().await;
        let Network::Matrix { citizen, room, bot } = &self.network else { panic!("reactions reach the bot on Matrix") };
        citizen.reacts(room, bot, &to.id, key).await;
    }

    /// Waits for a message that contains `words`, in answer to what was done last.
    pub async fn hears(&self, words: &str) -> Shown {
        self.until(&format!("{words:?}"), |answers| {
            answers.iter().rev().find(|shown| shown.text.contains(words)).cloned()
        })
        .await
    }

    /// Waits for a picture or another file with `words`.
    pub async fn receives(&self, words: &str) -> Shown {
        self.until(&format!("a file with {words:?}"), |answers| {
            answers.iter().find(|shown| shown.file && shown.text.contains(words)).cloned()
        })
        .await
    }

    async fn until<T>(&self, what: &str, found: impl Fn(&[Shown]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.sees().await;
            let answers: Vec<Shown> = shown.iter().filter(|shown| !self.before.contains(shown)).cloned().collect();
            if let Some(found) = found(&answers) {
                return found;
            }
            if Instant::now() > deadline {
                let shown: Vec<String> = shown.iter().map(Shown::words).collect();
                panic!("waited in vain for {what}; shown so far:\n\n{}", shown.join("\n----\n"));
            }
            a_moment().await;
        }
    }

    /// From the list to the receipt, in a consultation of one question.
    pub async fn votes(&mut self, option: &str) {
        self.says("/consultations").await;
        self.taps("Répondre").await;
        self.taps(option).await;
        self.taps("Déposer mon bulletin").await;
        self.hears("Votre bulletin est enregistré").await;
    }

    /// Joins this person's account to the one of `asker`, with a code and two confirmations.
    pub async fn links_to(&mut self, asker: &mut Person) {
        asker.says("/lier").await;
        let shown = asker.hears("/lier ").await;
        let (_, rest) = shown.text.split_once("/lier ").unwrap();
        let code: String = rest.chars().take_while(|character| !character.is_whitespace()).collect();
        self.says(&format!("/lier {code}")).await;
        self.taps("Oui").await;
        asker.taps("Oui").await;
        asker.hears("la même personne").await;
    }
}
