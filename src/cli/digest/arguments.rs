//! What may be typed after `crieur digest`.

use std::path::PathBuf;

use barometer_digests::definition::{Cadence, Key};
use barometer_digests::edition::model::ContentHash;
use barometer_digests::rendering::way::Form;
use bot_core::Locale;
use clap::{ArgGroup, Args, Subcommand};

use super::dataset::DatasetCommand;
use crate::cli::campaign::arguments::Who;

#[derive(Subcommand)]
pub(in crate::cli) enum DigestCommand {
    /// Check a digest file: every problem with its line and remedy
    #[command(after_help = "Example:\n  crieur digest validate digest.toml")]
    Validate {
        /// The digest file
        file: PathBuf,
    },
    /// Print the JSON Schema of digest files, for an editor
    #[command(after_help = "Example:\n  crieur digest schema > digest.schema.json")]
    Schema,
    /// Print crieur's own wording, as the part of a digest file to start from, with what each template may name
    #[command(after_help = "Example:\n  crieur digest wording >> digest.toml")]
    Wording,
    /// Put a digest file in force: its sources are asked, and drafts made at its hours
    #[command(after_help = "Example:\n  crieur digest set digest.toml --as claire")]
    Set {
        /// The digest file
        file: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// Say how each source is doing: when it last answered well, and what is wrong with it
    #[command(after_help = "Example:\n  crieur digest sources")]
    Sources {
        /// Ask them all now, whenever their turn would be
        #[arg(long)]
        refresh: bool,
    },
    /// Draft the edition of this week or month now, before its hour
    #[command(after_help = "Examples:\n  crieur digest draft\n  crieur digest draft --monthly --as claire")]
    Draft {
        /// The month's instead of the week's
        #[arg(long)]
        monthly: bool,
        #[command(flatten)]
        who: Who,
    },
    /// List editions, the newest first
    #[command(after_help = "Example:\n  crieur digest list --limit 10")]
    List {
        /// How many
        #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Show one edition: its entries, its sources, and the command that approves it
    #[command(after_help = "Examples:\n  crieur digest show 12\n  crieur digest show 12 --candidates\n  \
                            crieur digest show --toml > digest.toml")]
    Show(ShowArguments),
    /// Show an edition as a reader will get it, in plain words or as each configured network lays it out
    #[command(after_help = "Examples:\n  crieur digest preview 12 --locale en --short\n  \
                            crieur digest preview 12 --networks\n  \
                            crieur digest preview 12 --topic cartographie --topic experiences")]
    Preview(PreviewArguments),
    /// Write a draft's introduction from a Markdown file; an empty file takes it away
    #[command(after_help = "Examples:\n  crieur digest introduce 12 introduction.md --revision 3\n  \
                            crieur digest introduce 12 introduction.en.md --revision 4 --locale en")]
    Introduce {
        #[command(flatten)]
        seen: Seen,
        /// The words, as Markdown
        file: PathBuf,
        /// Their language
        #[arg(long, default_value = "fr", value_name = "fr|en")]
        locale: Locale,
        #[command(flatten)]
        who: Who,
    },
    /// Take an entry out of a draft
    #[command(after_help = "Example:\n  crieur digest drop 12 news:431 --revision 3")]
    Drop {
        #[command(flatten)]
        seen: Seen,
        /// Its key, as `digest show` prints it
        entry: String,
        #[command(flatten)]
        who: Who,
    },
    /// Put an entry into a draft, at the end of its section
    #[command(after_help = "Example:\n  crieur digest add 12 news:431 --revision 3")]
    Add {
        #[command(flatten)]
        seen: Seen,
        /// Its key, as `digest show --candidates` prints it
        entry: String,
        #[command(flatten)]
        who: Who,
    },
    /// Move an entry by one place within its section
    #[command(
        group = ArgGroup::new("direction").required(true),
        after_help = "Example:\n  crieur digest move 12 news:431 --up --revision 3"
    )]
    Move {
        #[command(flatten)]
        seen: Seen,
        /// Its key, as `digest show` prints it
        entry: String,
        #[arg(long, group = "direction")]
        up: bool,
        #[arg(long, group = "direction")]
        down: bool,
        #[command(flatten)]
        who: Who,
    },
    /// Approve a draft exactly as it was read: `digest show` prints the whole command
    ///
    /// It never changes after that. Where the digest file says so it is published at once.
    #[command(after_help = "Example:\n  crieur digest approve 12 --revision 3 --hash 9f2c…")]
    Approve {
        #[command(flatten)]
        seen: Seen,
        /// The hash of its bytes, all 64 digits
        #[arg(long, value_name = "HASH")]
        hash: ContentHash,
        #[command(flatten)]
        who: Who,
    },
    /// Publish an approved edition: readers get it at their hour
    #[command(after_help = "Example:\n  crieur digest send 12")]
    Send {
        /// The edition's number
        number: u32,
        #[command(flatten)]
        who: Who,
    },
    /// Add up what became of an edition, and hold it against the outbox; fails where it does not come out
    #[command(after_help = "Example:\n  crieur digest proof 12\n  crieur digest proof 12 --json")]
    Proof {
        /// The edition's number
        number: u32,
    },
    /// Leave out an edition that is not published; its period is free for another
    #[command(after_help = "Example:\n  crieur digest skip 12 --reason \"Nothing new over the holidays\"")]
    Skip {
        /// The edition's number
        number: u32,
        /// Why, for those who ask later
        #[arg(long, value_name = "WORDS")]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
    /// Append a correction to an edition that was approved; what was written stays
    #[command(after_help = "Example:\n  crieur digest correct 12 --fr \"98 collectivités, et non 89.\" \
                            --en \"98 collectivités, not 89.\"")]
    Correct {
        /// The edition's number
        number: u32,
        /// The correction in French
        #[arg(long, value_name = "WORDS")]
        fr: String,
        /// … and in English
        #[arg(long, value_name = "WORDS")]
        en: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// Import and look at tables of figures, which editions quote
    #[command(
        subcommand,
        after_help = "Example:\n  crieur digest dataset import barometre.csv --key barometre --dry-run"
    )]
    Dataset(DatasetCommand),
}

/// A draft as it was seen.
#[derive(Args)]
pub(in crate::cli) struct Seen {
    /// The edition's number
    pub number: u32,
    /// The revision that you saw: another one is left alone
    #[arg(long, value_name = "REVISION")]
    pub revision: u32,
}

#[derive(Args)]
pub(in crate::cli) struct ShowArguments {
    /// The edition's number
    #[arg(required_unless_present = "toml")]
    pub number: Option<u32>,
    /// Show what could be added to it as well
    #[arg(long)]
    pub candidates: bool,
    /// Print the digest file in force instead
    #[arg(long, conflicts_with_all = ["number", "candidates"])]
    pub toml: bool,
}

#[derive(Args)]
pub(in crate::cli) struct PreviewArguments {
    /// The edition's number
    pub number: u32,
    /// As each configured account shows it
    #[arg(long)]
    pub networks: bool,
    /// The reader's language
    #[arg(long, default_value = "fr", value_name = "fr|en")]
    pub locale: Locale,
    /// For readers of the short form
    #[arg(long)]
    pub short: bool,
    /// For readers of these topics only; can be given several times
    #[arg(long = "topic", value_name = "KEY")]
    pub topics: Vec<Key>,
}

impl PreviewArguments {
    pub fn form(&self) -> Form {
        if self.short { Form::Short } else { Form::Full }
    }
}

/// The rhythm of `--monthly`.
pub(super) fn cadence(monthly: bool) -> Cadence {
    if monthly { Cadence::Monthly } else { Cadence::Weekly }
}
