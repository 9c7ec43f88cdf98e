//! What may be typed after `crieur campaign`.

use std::path::PathBuf;

use bot_core::Locale;
use clap::{Args, Subcommand};

use super::answers::AnswersCommand;
use super::completions::CompletionsArguments;
use super::report::ReportArguments;

#[derive(Subcommand)]
pub(in crate::cli) enum CampaignCommand {
    /// Check a campaign file: every problem with its line and remedy
    #[command(after_help = "Example:\n  crieur campaign validate barometre-2026.toml")]
    Validate {
        /// The campaign file
        file: PathBuf,
    },
    /// Print the JSON Schema of campaign files, for an editor
    #[command(after_help = "Example:\n  crieur campaign schema > campaign.schema.json")]
    Schema,
    /// Store a campaign from its file, as a draft of which nothing goes out
    #[command(after_help = "Example:\n  crieur campaign create barometre-2026.toml --as claire")]
    Create {
        /// The campaign file
        file: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// Replace a campaign's file; what waits is not sent until the new version is approved
    #[command(after_help = "Example:\n  crieur campaign edit barometre-2026.toml --as claire")]
    Edit {
        /// The campaign file, with the slug of a campaign that exists
        file: PathBuf,
        #[command(flatten)]
        who: Who,
    },
    /// Show every message of the campaign with its date, its hour and its reasons, without sending any
    #[command(
        after_help = "Examples:\n  crieur campaign plan barometre-2026\n  crieur campaign plan barometre-2026 --summary\n  \
                      crieur campaign plan barometre-2026 --csv plan.csv"
    )]
    Plan {
        /// Its name (slug) or number
        name: String,
        /// Only people who were in no approval yet
        #[arg(long)]
        supplement: bool,
        /// Totals only
        #[arg(long)]
        summary: bool,
        /// Write every message into this file instead
        #[arg(long, value_name = "FILE", conflicts_with = "summary")]
        csv: Option<PathBuf>,
        /// Language of the reasons
        #[arg(long, default_value = "en", value_name = "fr|en")]
        locale: Locale,
    },
    /// Approve the plan that was read, by the name that `plan` shows at its end
    #[command(
        after_help = "Examples:\n  crieur campaign approve barometre-2026 --plan 6f1e…-9b8c…-61200 --as paul\n  \
                      crieur campaign approve barometre-2026 --supplement --plan 6f1e…-03ab…-12"
    )]
    Approve {
        /// Its name (slug) or number
        name: String,
        /// The plan's name
        #[arg(long, value_name = "PLAN")]
        plan: String,
        /// Only people who were in no approval yet
        #[arg(long)]
        supplement: bool,
        #[command(flatten)]
        who: Who,
    },
    /// Stop a campaign for a while, and take back what stands in the outbox
    #[command(after_help = "Example:\n  crieur campaign pause barometre-2026")]
    Pause {
        /// Its name (slug) or number
        name: String,
        #[command(flatten)]
        who: Who,
    },
    /// Let a paused campaign go on
    #[command(after_help = "Example:\n  crieur campaign resume barometre-2026")]
    Resume {
        /// Its name (slug) or number
        name: String,
        #[command(flatten)]
        who: Who,
    },
    /// End a campaign before its deadline, for ever; answers are still heard
    #[command(after_help = "Example:\n  crieur campaign cancel barometre-2026")]
    Cancel {
        /// Its name (slug) or number
        name: String,
        #[command(flatten)]
        who: Who,
    },
    /// Take a file of the questionnaire tool that says who has answered
    #[command(
        subcommand,
        after_help = "Example:\n  crieur campaign completions import barometre-2026 reponses.csv --dry-run"
    )]
    Completions(CompletionsCommand),
    /// See answers that match nobody, match them by hand or dismiss them
    #[command(subcommand, after_help = "Example:\n  crieur campaign answers list barometre-2026")]
    Answers(AnswersCommand),
    /// Show what became of a campaign, who answered, and whom to remind next
    #[command(
        after_help = "Examples:\n  crieur campaign report barometre-2026 --next 20\n  crieur campaign report barometre-2026 \
                      --reference collectivites.csv --csv report\n  crieur campaign report barometre-2026 --link"
    )]
    Report(ReportArguments),
    /// List all campaigns
    #[command(after_help = "Example:\n  crieur campaign list --json")]
    List,
    /// Show one campaign: its state, its counts, who approved what
    #[command(after_help = "Example:\n  crieur campaign show barometre-2026")]
    Show {
        /// Its name (slug) or number
        name: String,
        /// Print its campaign file
        #[arg(long)]
        toml: bool,
    },
}

#[derive(Subcommand)]
pub(in crate::cli) enum CompletionsCommand {
    /// Read a CSV, .xlsx or .ods file of completions; the same file twice changes nothing
    #[command(
        after_help = "Example:\n  crieur campaign completions import barometre-2026 reponses.csv --map \"Code=token\""
    )]
    Import(CompletionsArguments),
}

#[derive(Args)]
pub(in crate::cli) struct Who {
    /// Who does it, for the audit log and where two people are asked for [default: the system's user]
    #[arg(long = "as", value_name = "NAME")]
    by: Option<String>,
}

impl Who {
    /// The name given, or that of the system's user.
    pub fn name(&self) -> String {
        let given = self.by.clone().filter(|name| !name.trim().is_empty());
        let of_system = || ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
        given.or_else(of_system).unwrap_or_else(|| "operator".to_owned())
    }
}
