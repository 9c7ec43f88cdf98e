//! Somebody on a chat network: says things, presses what is shown (or answers its number), reads what comes back.
//! What a person does is the same everywhere; only how it is done differs.

use std::sync::Arc;
use std::time::Duration;

use fake_discord::FakeDiscord;
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
    /// It is, or carries, a picture.
    pub picture: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Button {
    pub label: String,
    /// What the network carries when it is pressed; the number to write where there are no buttons.
    pub press: String,
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
    for said in said.into_iter().filter(|said| said.sender == bot && said.event_type == "m.room.message") {
        assert!(said.decrypted, "the bot wrote in the clear");
        let replaced = (said.content["m.relates_to"]["rel_type"] == "m.replace")
            .then(|| said.content["m.relates_to"]["event_id"].as_str().unwrap_or_default().to_owned());
        let content = if replaced.is_some() { &said.content["m.new_content"] } else { &said.content };
        let text = plain(content["body"].as_str().unwrap_or_default());
        let buttons = text.lines().filter_map(|line| line.split_once(". "));
        let buttons = buttons.filter(|(number, _)| number.parse::<u8>().is_ok());
        let buttons =
            buttons.map(|(number, label)| Button { label: label.to_owned(), press: number.to_owned() }).collect();
        let picture = content["msgtype"] == "m.image";
        match replaced.and_then(|id| shown.iter_mut().find(|shown| shown.id == id)) {
            Some(before) => (before.text, before.buttons) = (text, buttons),
            None => shown.push(Shown { id: said.id, text, buttons, picture }),
        }
    }
    shown
}

enum Network {
    Telegram { telegram: Arc<FakeTelegram>, person: i64 },
    Discord { person: fake_discord::Person },
    Matrix { citizen: Citizen, room: String, bot: String },
}

pub struct Person {
    network: Network,
    /// What was shown when this person last did something: what is not among it is the answer.
    before: Vec<Shown>,
}

impl Person {
    pub fn on_telegram(telegram: &Arc<FakeTelegram>, person: i64) -> Self {
        Self { network: Network::Telegram { telegram: Arc::clone(telegram), person }, before: Vec::new() }
    }

    pub fn on_discord(discord: &FakeDiscord, name: &str) -> Self {
        Self { network: Network::Discord { person: discord.person(name) }, before: Vec::new() }
    }

    /// Somebody who has invited `bot` to an encrypted room of two.
    pub async fn on_matrix(citizen: Citizen, bot: &str, room_version: &str) -> Self {
        let room = citizen.opens_direct(bot, room_version).await;
        Self { network: Network::Matrix { citizen, room, bot: bot.to_owned() }, before: Vec::new() }
    }

    /// Everything the bot shows this person in private, as it is now.
    pub async fn sees(&self) -> Vec<Shown> {
        match &self.network {
            Network::Telegram { telegram, person } => {
                let seen = telegram.seen(*person).into_iter().map(|seen| Shown {
                    id: seen.message_id.to_string(),
                    text: plain(&seen.text),
                    buttons: seen
                        .buttons
                        .into_iter()
                        .map(|button| Button { label: plain(&button.label), press: button.data })
                        .collect(),
                    picture: seen.message["photo"].is_array(),
                });
                seen.collect()
            }
            Network::Discord { person } => {
                let seen = person.sees(person.direct()).into_iter().filter(|seen| !seen.thinking);
                let seen = seen.map(|seen| Shown {
                    id: format!("{:?}", seen.id),
                    picture: !seen.descriptions.is_empty(),
                    text: plain(&unescaped(
                        &std::iter::once(seen.content).chain(seen.descriptions).collect::<String>(),
                    )),
                    buttons: seen
                        .buttons
                        .into_iter()
                        .map(|button| Button { label: plain(&button.label), press: button.id })
                        .collect(),
                });
                seen.collect()
            }
            Network::Matrix { citizen, room, bot } => in_matrix(citizen.sees(room).await, bot),
        }
    }

    pub async fn says(&mut self, text: &str) {
        self.before = self.sees().await;
        match &self.network {
            Network::Telegram { telegram, person } => telegram.person(*person).says(text),
            Network::Discord { person } => {
                person.says(text);
            }
            Network::Matrix { citizen, room, bot } => {
                citizen.says(room, bot, text).await;
            }
        }
    }

    /// Presses the button whose label begins with `label` in the answer to what was done last, or answers its number.
    pub async fn taps(&mut self, label: &str) {
        let button = self
            .until(&format!("a button {label:?}"), |answers| {
                let buttons = answers.iter().rev().flat_map(|shown| &shown.buttons);
                buttons.into_iter().find(|button| button.label.starts_with(label)).cloned()
            })
            .await;
        self.presses(&button).await;
    }

    pub async fn presses(&mut self, button: &Button) {
        self.before = self.sees().await;
        match &self.network {
            Network::Telegram { telegram, person } => {
                telegram.person(*person).presses(&button.press);
            }
            Network::Discord { person } => {
                let answered = person.presses(person.direct(), &button.press).await;
                assert_ne!(answered, fake_discord::Answered::NotAtAll, "the interaction failed");
            }
            Network::Matrix { citizen, room, bot } => {
                citizen.says(room, bot, &button.press).await;
            }
        }
    }

    /// Waits for a message that contains `words`, in answer to what was done last.
    pub async fn hears(&self, words: &str) -> Shown {
        self.until(&format!("{words:?}"), |answers| {
            answers.iter().rev().find(|shown| shown.text.contains(words)).cloned()
        })
        .await
    }

    pub async fn hears_a_picture_of(&self, words: &str) -> Shown {
        self.until(&format!("a picture of {words:?}"), |answers| {
            answers.iter().find(|shown| shown.picture && shown.text.contains(words)).cloned()
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
