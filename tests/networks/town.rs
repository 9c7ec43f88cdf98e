//! A town with an account on each network, and what it asks.

use std::sync::Arc;

use fake_discord::FakeDiscord;
use fake_telegram::FakeTelegram;
use real_matrix::{Citizens, RateLimits, Synapse};

use crate::person::{Person, Room, a_moment};
use crate::program::Program;

/// One question, everything allowed, shown from the first ballot on.
pub const MARKET: &str = r#"slug = "place-du-marche"
title = "La place du marché"
duration_days = 14
anonymity = "anonymous"
results = "always"
results_from_ballots = 1
results_step = 1

[[questions]]
kind = "single"
text = "Que faire de la place ?"
options = ["Halle couverte", "Jardin et bancs", "Garder le parking"]
"#;

/// Every kind of question.
pub const LIBRARY: &str = r#"slug = "mediatheque"
title = "La médiathèque"
duration_days = 7
anonymity = "anonymous"
results = "always"
results_from_ballots = 1
results_step = 1

[[questions]]
kind = "multiple"
text = "Quels soirs ?"
options = ["Lundi", "Mardi", "Mercredi", "Jeudi"]
at_least = 1
at_most = 2

[[questions]]
kind = "rating"
text = "Êtes-vous satisfait de l’accueil ?"
scale = ["Pas du tout", "Plutôt non", "Plutôt oui", "Tout à fait"]

[[questions]]
kind = "free_text"
text = "Une idée ?"
optional = true
characters_max = 60
"#;

/// A service with an account on each network.
pub struct Everywhere {
    pub telegram: Arc<FakeTelegram>,
    pub discord: FakeDiscord,
    pub citizens: Arc<Citizens>,
    pub bot: String,
    pub program: Program,
    _synapse: Synapse,
}

impl Everywhere {
    pub async fn starts() -> Option<Self> {
        let (synapse_python, citizens_python) = real_matrix::pythons()?;
        let synapse = Synapse::start(synapse_python, RateLimits::Off);
        let citizens = Citizens::start(citizens_python, &synapse);
        let bot = citizens.register("crieur").await;
        let telegram = Arc::new(FakeTelegram::start_in_real_time().await);
        let discord = FakeDiscord::start(bot_core::Clock::system().now().timestamp_millis()).await;
        discord.guild("Trifouilly");
        let configuration = format!(
            r#"
[[account]]
name = "telegram"
platform = "telegram"
[account.settings]
token_file = "telegram.token"
api_url = "{}"

[[account]]
name = "discord"
platform = "discord"
[account.settings]
token_file = "discord.token"
api_url = "{}"

[[account]]
name = "matrix"
platform = "matrix"
[account.settings]
homeserver_url = "{}"
user = "{bot}"
password_file = "matrix.password"
recovery_key_file = "matrix.recovery-key"
store_dir = "matrix-store"
store_passphrase_file = "matrix.passphrase"
messages_per_second = 100.0
messages_burst = 100
"#,
            telegram.url(),
            discord.url(),
            synapse.url(),
        );
        let secrets = [
            ("telegram.token", telegram.token()),
            ("discord.token", fake_discord::BOT_TOKEN.to_owned()),
            ("matrix.password", "crieur".to_owned()),
        ];
        let program = Program::with(|directory| {
            for (name, secret) in secrets {
                std::fs::write(directory.join(name), secret).unwrap();
            }
            configuration
        })
        .await;
        Some(Self { telegram, discord, citizens, bot, program, _synapse: synapse })
    }

    /// Creates and opens a consultation from its file.
    pub fn opens(&self, slug: &str, definition: &str) {
        self.program.file("consultation.toml", definition);
        self.program.operates(&["consultation", "create", "consultation.toml"]);
        self.program.operates(&["consultation", "open", slug]);
    }

    /// Opens a room on each network, which the bot gets to know; with its number for the command line.
    pub async fn gathers(&self, hosts: &[Person; 3], guests: &[Person; 3]) -> Vec<(Room, String)> {
        let mut rooms = Vec::new();
        for (host, guest) in hosts.iter().zip(guests) {
            let room = host.opens_room(guest).await;
            host.within(&room).addresses_the_bot("/aide").await;
            rooms.push((host.network(), room));
        }
        let known = loop {
            let known = self.program.asks(&["consultation", "rooms"]);
            if known.as_array().unwrap().len() == rooms.len() {
                break known;
            }
            a_moment().await;
        };
        let number = |network: &str| {
            let mut known = known.as_array().unwrap().iter();
            known.find(|known| known["platform"] == network).unwrap()["room"].to_string()
        };
        rooms.into_iter().map(|(network, room)| (room, number(network))).collect()
    }

    /// Somebody on each network: on Telegram under this number, elsewhere under this name.
    pub async fn people(&self, number: i64, name: &str) -> [Person; 3] {
        let citizen = self.citizens.arrive(name).await;
        [
            Person::on_telegram(&self.telegram, number),
            Person::on_discord(&self.discord, name),
            Person::on_matrix(citizen, &self.bot, "12").await,
        ]
    }
}
