//! What can be typed, with help that teaches.

use std::net::SocketAddr;
use std::path::PathBuf;

use bot_core::plugin::Role;
use bot_core::{Address, DeliveryId, Locale, PluginId};
use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand};

use super::campaign::arguments::CampaignCommand;
use super::contacts::arguments::ContactsCommand;
use super::digest::arguments::DigestCommand;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed: what was asked could not be done, see the message
  2  wrong call or wrong configuration: change it before trying again

Configuration:
  crieur.toml in this directory, else /etc/crieur/crieur.toml, or the file named with --config.
  Every field can be set by a variable: CRIEUR_HTTP__PUBLIC__LISTEN=127.0.0.1:8081 sets http.public.listen.";

/// A chat bot and notification service for local democracy.
#[derive(Parser)]
#[command(name = "crieur", version, after_long_help = EXIT_CODES, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub place: PlaceArguments,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// Which service a command is about.
#[derive(Args, Clone, Debug)]
pub(super) struct PlaceArguments {
    /// The configuration file
    #[arg(long, global = true, env = "CRIEUR_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Use the private database in this directory, whatever the configuration says
    #[arg(long, global = true, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Run the service
    ///
    /// It reads crieur.toml, brings the database up to date, connects the accounts and serves the pages until
    /// SIGTERM or Ctrl-C; a second signal ends it at once.
    #[command(after_help = "Example:\n  crieur serve --config /etc/crieur/crieur.toml")]
    Serve,
    /// Run a demonstration: a webchat with consultations to answer, and nothing to configure
    ///
    /// The first start fetches Postgres where the machine has none, and fills the demonstration. A second start
    /// keeps its data.
    #[command(after_help = "Example:\n  crieur demo --listen 127.0.0.1:8081")]
    Demo(DemoArguments),
    /// Check the configuration, without touching anything
    #[command(
        after_help = "Examples:\n  crieur check-config --config crieur.toml\n  crieur check-config --schema > crieur.schema.json"
    )]
    CheckConfig(CheckConfigArguments),
    /// Bring the database up to date
    ///
    /// `serve` and `demo` do it by themselves; this is for those who want it done before, or apart.
    #[command(after_help = "Example:\n  crieur migrate --config crieur.toml")]
    Migrate,
    /// Look for what is wrong, and say what to do about it
    #[command(after_help = "Example:\n  crieur doctor")]
    Doctor,
    /// Check, create, open, close and read consultations
    #[command(subcommand, after_help = "Example:\n  crieur consultation validate place-du-marche.toml")]
    Consultation(ConsultationCommand),
    /// Plan, approve and steer a questionnaire's invitation and reminders
    #[command(subcommand, after_help = "Example:\n  crieur campaign plan barometre-2026 --summary")]
    Campaign(CampaignCommand),
    /// Prepare, approve and send the observatory's digest
    #[command(subcommand, after_help = "Example:\n  crieur digest preview 12 --networks")]
    Digest(DigestCommand),
    /// Ask informal polls in rooms, which are no votes
    #[command(subcommand, after_help = "Example:\n  crieur pulse create ouverture-du-soir.toml --open --room 12")]
    Pulse(PulseCommand),
    /// Import, look up, group and export the people you hope to hear from
    #[command(subcommand, after_help = "Example:\n  crieur contacts import mairies.csv --dry-run")]
    Contacts(ContactsCommand),
    /// See and steer what goes out
    #[command(subcommand, after_help = "Example:\n  crieur deliveries stats")]
    Deliveries(DeliveriesCommand),
    /// See what came in and could not be handled
    #[command(subcommand, after_help = "Example:\n  crieur inbox list")]
    Inbox(InboxCommand),
    /// See, verify and replace the devices of Matrix accounts
    ///
    /// On the machine where their stores are.
    #[cfg(feature = "matrix")]
    #[command(subcommand, after_help = "Example:\n  crieur matrix status")]
    Matrix(MatrixCommand),
    /// See, enable and disable plugins
    #[command(subcommand, after_help = "Example:\n  crieur plugins list")]
    Plugins(PluginsCommand),
    /// Say who may organise and operate
    #[command(subcommand, after_help = "Example:\n  crieur roles grant organiser webchat:3f2a…")]
    Roles(RolesCommand),
    /// Read who did what
    #[command(after_help = "Example:\n  crieur audit --action role.granted --limit 20")]
    Audit(AuditArguments),
}

#[derive(Args)]
pub(super) struct DemoArguments {
    /// Where the webchat listens
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
}

#[derive(Args)]
pub(super) struct CheckConfigArguments {
    /// Print the JSON Schema of the file instead, for an editor
    #[arg(long)]
    pub schema: bool,
}

#[derive(Subcommand)]
pub(super) enum ConsultationCommand {
    /// Check a consultation file: every problem with its line and remedy
    #[command(after_help = "Example:\n  crieur consultation validate place-du-marche.toml")]
    Validate {
        /// The consultation file
        file: PathBuf,
    },
    /// Print the JSON Schema of consultation files, for an editor
    #[command(after_help = "Example:\n  crieur consultation schema > consultation.schema.json")]
    Schema,
    /// Store a consultation from its file, as a draft or scheduled when the file says when it opens
    #[command(after_help = "Example:\n  crieur consultation create place-du-marche.toml --open")]
    Create {
        /// The consultation file
        file: PathBuf,
        /// Open it at once
        #[arg(long)]
        open: bool,
    },
    /// Open a draft or scheduled consultation now
    #[command(after_help = "Example:\n  crieur consultation open place-du-marche")]
    Open {
        /// Its name (slug) or number
        name: String,
    },
    /// Throw a draft away, which frees its name
    #[command(after_help = "Example:\n  crieur consultation discard place-du-marche")]
    Discard {
        /// Its name (slug) or number
        name: String,
    },
    /// Close an open consultation now, for ever
    ///
    /// From then on crieur itself cannot tell who chose what, in an anonymous one; a backup made before could.
    #[command(after_help = "Example:\n  crieur consultation close place-du-marche")]
    Close {
        /// Its name (slug) or number
        name: String,
    },
    /// Move the closing of an open consultation later
    #[command(after_help = "Example:\n  crieur consultation extend place-du-marche --days 7")]
    Extend {
        /// Its name (slug) or number
        name: String,
        /// Days later, 1 to 366
        #[arg(long)]
        days: u16,
    },
    /// Tell everybody who agreed to hear of consultations, once; or with --room a room where the bot is
    #[command(
        after_help = "Examples:\n  crieur consultation announce place-du-marche\n  crieur consultation announce place-du-marche --room 12"
    )]
    Announce {
        /// Its name (slug) or number
        name: String,
        /// The number of a room, as `consultation rooms` lists it; several times for several rooms
        #[arg(long)]
        room: Vec<i64>,
    },
    /// List the rooms where the bot is, with their numbers
    #[command(after_help = "Example:\n  crieur consultation rooms")]
    Rooms,
    /// Make participation codes, each good for one person's ballot, for a consultation that accepts "code"
    ///
    /// The file is the only copy there is: crieur keeps none. Hand each code to one person.
    #[command(after_help = "Example:\n  crieur consultation codes place-du-marche --count 500 --csv codes.csv")]
    Codes {
        /// Its name (slug) or number
        name: String,
        /// How many, 1 to 20000
        #[arg(long)]
        count: usize,
        /// A new file, with a private link for each network
        #[arg(long, value_name = "FILE")]
        csv: PathBuf,
    },
    /// List all consultations
    #[command(after_help = "Example:\n  crieur consultation list --json")]
    List,
    /// Show one consultation
    #[command(after_help = "Example:\n  crieur consultation show place-du-marche")]
    Show {
        /// Its name (slug) or number
        name: String,
        /// Print its consultation file
        #[arg(long)]
        toml: bool,
    },
    /// Show results, as those who voted may see them and no earlier
    #[command(after_help = "Example:\n  crieur consultation results place-du-marche --json")]
    Results {
        /// Its name (slug) or number
        name: String,
    },
    /// Show the messages a participant will receive, from a file or a stored consultation
    #[command(after_help = "Example:\n  crieur consultation preview place-du-marche.toml --locale en")]
    Preview {
        /// A consultation file, or the name or number of a stored one
        consultation: String,
        /// fr or en
        #[arg(long, default_value = "fr")]
        locale: Locale,
        /// As each configured account shows them: with its buttons or numbers, and within its limits
        #[arg(long)]
        networks: bool,
    },
}

#[cfg(feature = "matrix")]
#[derive(Subcommand)]
pub(super) enum MatrixCommand {
    /// Show each device: whether it is verified, and what it can read
    #[command(after_help = "Example:\n  crieur matrix status --json")]
    Status {
        /// The account's name; all when left out
        account: Option<String>,
    },
    /// Sign the device with the recovery key, or say what is missing for that
    ///
    /// The service has to be stopped for it.
    #[command(after_help = "Example:\n  crieur matrix verify")]
    Verify {
        /// The account's name; needed where there are several
        account: Option<String>,
    },
    /// Log in a new device with the recovery key, after the store was lost or the machine restored
    ///
    /// The service has to be stopped for it. The store there was is set aside, never deleted.
    #[command(after_help = "Example:\n  crieur matrix recover")]
    Recover {
        /// The account's name; needed where there are several
        account: Option<String>,
    },
}

#[derive(Subcommand)]
pub(super) enum PulseCommand {
    /// Store a pulse from its file, as a draft
    #[command(after_help = "Example:\n  crieur pulse create ouverture-du-soir.toml --open --room 12 --room 15")]
    Create {
        /// A file with kind = "pulse"
        file: PathBuf,
        /// Ask it at once
        #[arg(long)]
        open: bool,
        /// The number of a room to ask in, as `consultation rooms` lists it; those of the file when left out
        #[arg(long, requires = "open")]
        room: Vec<i64>,
    },
    /// Ask a draft in its rooms now
    #[command(after_help = "Example:\n  crieur pulse open ouverture-du-soir --room 12")]
    Open {
        /// Its name (slug)
        name: String,
        /// The number of a room to ask in; those of the file when left out
        #[arg(long)]
        room: Vec<i64>,
    },
    /// Close an open pulse now: the networks count it, and the result is told in its rooms
    #[command(after_help = "Example:\n  crieur pulse close ouverture-du-soir")]
    Close {
        /// Its name (slug)
        name: String,
    },
    /// List all pulses
    #[command(after_help = "Example:\n  crieur pulse list --json")]
    List,
    /// Show what each network counted in each room
    #[command(after_help = "Example:\n  crieur pulse results ouverture-du-soir --csv > pulse.csv")]
    Results {
        /// Its name (slug)
        name: String,
        /// As CSV
        #[arg(long)]
        csv: bool,
    },
}

/// Which deliveries: exactly one of the three.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct WhichArguments {
    /// One delivery, by its id
    #[arg(value_parser = delivery_id)]
    pub id: Option<DeliveryId>,
    /// Every one of a campaign or consultation, such as consultation:3
    #[arg(long)]
    pub scope: Option<String>,
    /// Every one
    #[arg(long)]
    pub all: bool,
}

#[derive(Subcommand)]
pub(super) enum DeliveriesCommand {
    /// List deliveries, the latest last; never what they say
    #[command(after_help = "Example:\n  crieur deliveries list --state failed")]
    List {
        /// Only those in this state
        #[arg(long, value_parser = bot_core::store::deliveries::STATES)]
        state: Option<String>,
        /// Only those of this campaign or consultation, such as consultation:3
        #[arg(long)]
        scope: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show one delivery with its parts
    #[command(after_help = "Example:\n  crieur deliveries show 019a3b1e-…")]
    Show {
        #[arg(value_parser = delivery_id)]
        id: DeliveryId,
    },
    /// Queue failed and expired deliveries again; one of unknown outcome only by its id, since it may arrive twice
    #[command(after_help = "Example:\n  crieur deliveries retry --scope consultation:3")]
    Retry(WhichArguments),
    /// Cancel what has not gone out
    #[command(after_help = "Example:\n  crieur deliveries cancel --scope consultation:3")]
    Cancel(WhichArguments),
    /// Hold back what has not gone out, as after a restore, until it is released
    #[command(after_help = "Example:\n  crieur deliveries hold --all")]
    Hold(WhichArguments),
    /// Let held deliveries go out
    #[command(after_help = "Example:\n  crieur deliveries release --all")]
    Release(WhichArguments),
    /// What each campaign came to; the columns add up
    #[command(after_help = "Example:\n  crieur deliveries stats")]
    Stats,
}

#[derive(Subcommand)]
pub(super) enum InboxCommand {
    /// List events; never what was written
    #[command(after_help = "Example:\n  crieur inbox list --state parked")]
    List {
        /// waiting, parked or done
        #[arg(long, default_value = "parked", value_parser = ["waiting", "parked", "done"])]
        state: String,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Let parked events be handled again
    #[command(after_help = "Examples:\n  crieur inbox retry 1/42\n  crieur inbox retry --all")]
    #[group(required = true, multiple = false)]
    Retry {
        /// One event, as `inbox list` numbers it
        #[arg(value_parser = event_number)]
        event: Option<(i32, i64)>,
        /// Every parked one
        #[arg(long)]
        all: bool,
    },
}

#[derive(Subcommand)]
pub(super) enum PluginsCommand {
    /// List plugins with their state, and why one is disabled
    #[command(after_help = "Example:\n  crieur plugins list")]
    List,
    /// Let a plugin run again; a running service follows within seconds
    #[command(after_help = "Example:\n  crieur plugins enable micro-consultations")]
    Enable { plugin: PluginId },
    /// Stop a plugin, also over restarts; a running service follows within seconds
    #[command(after_help = "Example:\n  crieur plugins disable micro-consultations")]
    Disable { plugin: PluginId },
}

#[derive(Subcommand)]
pub(super) enum RolesCommand {
    /// Grant a role to one address, which must have written before
    ///
    /// People find their address in the file that /mes_donnees gives them.
    #[command(after_help = "Example:\n  crieur roles grant organiser webchat:3f2a…")]
    Grant {
        /// organiser or operator
        role: Role,
        /// platform:name
        address: Address,
    },
    /// Take a role back
    #[command(after_help = "Example:\n  crieur roles revoke organiser webchat:3f2a…")]
    Revoke {
        /// organiser or operator
        role: Role,
        /// platform:name
        address: Address,
    },
    /// List who has which role
    #[command(after_help = "Example:\n  crieur roles list")]
    List,
}

#[derive(Args)]
pub(super) struct AuditArguments {
    /// Only this action, such as role.granted
    #[arg(long)]
    pub action: Option<String>,
    /// Only from this moment on, such as 2026-09-01T08:00:00Z
    #[arg(long)]
    pub since: Option<DateTime<Utc>>,
    /// At most so many, the latest
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
}

fn delivery_id(text: &str) -> Result<DeliveryId, String> {
    text.parse()
        .map(DeliveryId)
        .map_err(|_| "is not the id of a delivery: take it from `crieur deliveries list`".to_owned())
}

fn event_number(text: &str) -> Result<(i32, i64), String> {
    let parsed =
        text.split_once('/').and_then(|(account, sequence)| Some((account.parse().ok()?, sequence.parse().ok()?)));
    parsed.ok_or_else(|| "is not the number of an event: take it from `crieur inbox list`, such as 1/42".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_with_an_example() {
        fn check(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                let path = format!("{path} {}", sub.get_name());
                let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example") && help.contains("crieur "), "{path} has no example");
                assert!(sub.get_about().is_some(), "{path} says nothing");
                check(sub, &path);
            }
        }
        check(&Arguments::command(), "crieur");
    }
}
