//! What can be typed after `crieur contacts`.

use std::path::PathBuf;

use bot_core::contacts::ContactSet;
use bot_core::contacts::fields::FieldKey;
use bot_core::contacts::import::Mapping;
use clap::{Args, Subcommand, ValueEnum};

use super::invitations::InvitationsCommand;

#[derive(Subcommand)]
pub(in crate::cli) enum ContactsCommand {
    /// Import contacts from a CSV, XLSX or ODS file; the same file again changes nothing
    ///
    /// The first row names the columns: identifiant (by which a contact is known again), nom, prénom, collectivité, type,
    /// code insee, siren, population, département, région, rang, langue, fuseau, groupes, and the fields that are
    /// declared. An empty cell leaves what is there, a cell with - alone takes it away.
    ///
    /// A row that is wrong is told with its line and column, and the others are taken. The command then ends with 1.
    #[command(after_help = "\
Examples:
  crieur contacts import mairies.csv --dry-run
  crieur contacts import mairies.csv --group barometre-2026 --rejects refus.csv
  crieur contacts import mairies.xlsx --sheet 2026 --map \"N° fiche=identifiant\" --map \"Tél.=-\" --new-fields")]
    Import(ImportArguments),
    /// Write contacts to a CSV file that spreadsheets open and an import reads again
    #[command(after_help = "\
Examples:
  crieur contacts export contacts.csv --group pilotes
  crieur contacts export --query \"type = commune and bound = no\" > a-inviter.csv
  crieur contacts export --contact m-12 > m-12.json")]
    Export {
        /// A new file; standard output when left out
        file: Option<PathBuf>,
        #[command(flatten)]
        which: SetArguments,
        /// Everything about one contact instead, as JSON
        #[arg(long, value_name = "CONTACT", conflicts_with_all = ["file", "group", "segment", "query"])]
        contact: Option<String>,
    },
    /// Find contacts by words of their name, identifier, collectivité, codes or fields
    #[command(after_help = "\
Examples:
  crieur contacts search nantes
  crieur contacts search --query \"population >= 10000 and not group = pilotes\"")]
    Search {
        /// All of these have to be found; case and accents make no difference
        words: Vec<String>,
        #[command(flatten)]
        which: SetArguments,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one contact with consents and history
    #[command(after_help = "Examples:\n  crieur contacts show 12\n  crieur contacts show m-12")]
    Show {
        /// Its number or identifier
        contact: String,
    },
    /// Declare and list the fields contacts have beside their name
    #[command(subcommand, after_help = "Example:\n  crieur contacts fields declare email --label Courriel")]
    Fields(FieldsCommand),
    /// Put contacts together by hand
    #[command(subcommand, after_help = "Example:\n  crieur contacts groups add pilotes m-12 m-15")]
    Groups(GroupsCommand),
    /// Name queries, and see whom they mean
    #[command(subcommand, after_help = QUERY_HELP)]
    Segments(SegmentsCommand),
    /// Invite contacts who have no address yet: a bot may not write first
    #[command(
        subcommand,
        after_help = "Examples:\n  crieur contacts invitations issue --group barometre-2026\n  crieur contacts invitations print invitations.html --all"
    )]
    Invitations(InvitationsCommand),
    /// Make one contact of two lines of a list
    ///
    /// What is known of the first wins, the second fills the gaps; STOP said by either is said by both. Two contacts that
    /// have both written to us are only joined by themselves, with /lier.
    #[command(after_help = "Example:\n  crieur contacts merge 12 31")]
    Merge {
        /// The contact that stays: its number or identifier
        kept: String,
        /// The one that becomes a part of it
        gone: String,
    },
    /// Delete a contact that never wrote to us
    ///
    /// Who has written to us erases themselves, with /effacer.
    #[command(after_help = "Example:\n  crieur contacts delete m-12")]
    Delete {
        /// Its number or identifier
        contact: String,
    },
}

const QUERY_HELP: &str = "\
A query compares keys with values and joins them with and, or, not and parentheses (et, ou, non):
  type = commune and population >= 10000 and region in (52, 53)
  not group = pilotes and field.email != \"\" and bound = yes and consent = reminder and rank = 1
Keys: id, name, collectivite, type, population, departement, region, insee, siren, rank, group, language, zone,
consent, network, bound, stopped, field.KEY. ~ finds a part of a text.

Example:
  crieur contacts segments try \"type = commune and bound = no\"";

#[derive(Args)]
pub(in crate::cli) struct ImportArguments {
    /// A CSV (UTF-8, UTF-16 or Windows-1252; `;`, `,` or tab), .xlsx or .ods file
    pub file: PathBuf,
    /// Read a column as something else, or ignore it with -; several times for several columns
    #[arg(long, value_name = "COLUMN=FIELD")]
    pub map: Vec<Mapping>,
    /// Declare a text field for every column that is not known
    #[arg(long)]
    pub new_fields: bool,
    /// Put every contact of the file into this group, which is made when it is not there
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// The sheet of a workbook; the first when left out
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// Tell what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Write the rows that are not taken to a new CSV file, with the reason of each
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
}

/// Which contacts; everybody when none is given.
#[derive(Args, Clone, Debug)]
#[group(multiple = false)]
pub(in crate::cli) struct SetArguments {
    /// Those of this group
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// Those this segment means
    #[arg(long, value_name = "NAME")]
    pub segment: Option<String>,
    /// Those this query means, see `crieur contacts segments --help`
    #[arg(long)]
    pub query: Option<String>,
}

impl SetArguments {
    pub fn set(&self) -> ContactSet {
        match (&self.group, &self.segment, &self.query) {
            (Some(group), ..) => ContactSet::Group(group.clone()),
            (_, Some(segment), _) => ContactSet::Segment(segment.clone()),
            (.., Some(query)) => ContactSet::Query(query.clone()),
            (None, None, None) => ContactSet::Everyone,
        }
    }
}

/// What a field may hold.
#[derive(Clone, Copy, ValueEnum)]
pub(in crate::cli) enum FieldType {
    Text,
    Number,
    Date,
    Choice,
}

#[derive(Subcommand)]
pub(in crate::cli) enum FieldsCommand {
    /// Declare a field, or give it another label or more choices
    #[command(after_help = "\
Examples:
  crieur contacts fields declare email --label Courriel
  crieur contacts fields declare mandat --label \"Début du mandat\" --type date
  crieur contacts fields declare role --label Rôle --type choice --choices \"élu,agent\"")]
    Declare {
        /// Its key: letters, digits and _
        #[arg(value_parser = field_key)]
        key: FieldKey,
        /// Its name for people, and of its column
        #[arg(long)]
        label: Option<String>,
        /// What it may hold
        #[arg(long = "type", value_enum, default_value_t = FieldType::Text)]
        kind: FieldType,
        /// What can be chosen, between commas
        #[arg(long, value_delimiter = ',', required_if_eq("kind", "choice"))]
        choices: Vec<String>,
    },
    /// List the declared fields
    #[command(after_help = "Example:\n  crieur contacts fields list")]
    List,
}

#[derive(Subcommand)]
pub(in crate::cli) enum GroupsCommand {
    /// List the groups with their sizes
    #[command(after_help = "Example:\n  crieur contacts groups list")]
    List,
    /// Make a group
    #[command(after_help = "Example:\n  crieur contacts groups create pilotes")]
    Create {
        /// At most 40 of a-z, 0-9 and -
        name: String,
    },
    /// Put contacts into a group
    #[command(after_help = "Example:\n  crieur contacts groups add pilotes m-12 31")]
    Add {
        name: String,
        /// Numbers or identifiers
        #[arg(required = true)]
        contacts: Vec<String>,
    },
    /// Take contacts out of a group
    #[command(after_help = "Example:\n  crieur contacts groups remove pilotes m-12")]
    Remove {
        name: String,
        /// Numbers or identifiers
        #[arg(required = true)]
        contacts: Vec<String>,
    },
    /// Throw a group away; its contacts stay
    #[command(after_help = "Example:\n  crieur contacts groups drop pilotes")]
    Drop { name: String },
}

#[derive(Subcommand)]
pub(in crate::cli) enum SegmentsCommand {
    /// List the saved queries
    #[command(after_help = "Example:\n  crieur contacts segments list")]
    List,
    /// Save a query under a name, or replace the one of that name
    #[command(
        after_help = "Example:\n  crieur contacts segments save grandes-villes \"type = commune and population >= 100000\""
    )]
    Save {
        /// At most 40 of a-z, 0-9 and -
        name: String,
        query: String,
    },
    /// Count whom a query or a segment means
    #[command(after_help = "\
Examples:
  crieur contacts segments try grandes-villes
  crieur contacts segments try \"region = 53 and consent = reminder\"")]
    Try {
        /// A query, or the name of a segment
        query: String,
    },
    /// Throw a segment away; its contacts stay
    #[command(after_help = "Example:\n  crieur contacts segments drop grandes-villes")]
    Drop { name: String },
}

fn field_key(text: &str) -> Result<FieldKey, String> {
    text.parse().map_err(|error: bot_core::contacts::DirectoryError| error.to_string())
}
