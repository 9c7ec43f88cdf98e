//! `contacts invitations`: personal invitations of contacts who have no address yet.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use bot_core::contacts::ContactSet;
use bot_core::core::Organisation;
use bot_core::people::invitation::{self, Entry, Invited, State};
use bot_core::store::accounts::{self, AccountLink};
use bot_core::store::organisations;
use chrono::TimeDelta;
use clap::{Args, Subcommand};
use serde_json::json;
use sqlx::PgConnection;

use crate::cli::WrongCall;
use crate::cli::arguments::PlaceArguments;
use crate::cli::operator::Operator;
use crate::cli::output::{Output, moment, table};

#[derive(Subcommand)]
pub(in crate::cli) enum InvitationsCommand {
    /// Invite contacts who have no address yet
    ///
    /// Doing it twice changes nothing: a valid invitation is kept, and so is every link that was handed out. Whoever
    /// said STOP, and whoever had an invitation taken back, is left alone.
    #[command(
        after_help = "Examples:\n  crieur contacts invitations issue --all\n  crieur contacts invitations issue --group barometre --days 90\n  crieur contacts invitations issue --contact 12 --again"
    )]
    Issue {
        #[command(flatten)]
        who: WhoArguments,
        /// For how many days the invitations are good: 1 to 400
        #[arg(long, default_value_t = 60, value_name = "DAYS")]
        days: i64,
        /// Replace valid invitations too: every link handed out before becomes worthless
        #[arg(long)]
        again: bool,
    },
    /// Write the valid invitations to a file for a mail merge
    ///
    /// One row a contact: what you know of them, your own fields, a link for each account, the code to type, the last
    /// day. CSV with `;`, in UTF-8. Whoever holds a link can say they are that person: keep the file to yourself.
    #[command(after_help = "Example:\n  crieur contacts invitations export invitations.csv --group barometre")]
    Export {
        /// The file to make; it must not exist yet
        file: PathBuf,
        #[command(flatten)]
        who: WhoArguments,
    },
    /// Write the valid invitations as a page to print, with QR codes
    ///
    /// One HTML file, A4, a card a contact, in the contact's language.
    #[command(after_help = "Example:\n  crieur contacts invitations print invitations.html --all")]
    Print {
        /// The file to make; it must not exist yet
        file: PathBuf,
        #[command(flatten)]
        who: WhoArguments,
    },
    /// See who has no address yet, to reach them otherwise
    ///
    /// With the state of their invitation: not_invited, issued, followed (asked, has not answered), disowned (somebody
    /// said it is not them), expired, revoked. `conflict` says that somebody who is already known as another contact
    /// wanted to be this one.
    #[command(
        after_help = "Examples:\n  crieur contacts invitations list\n  crieur contacts invitations list --state disowned --json"
    )]
    List {
        #[command(flatten)]
        who: WhoArguments,
        /// Only those in this state
        #[arg(long, value_name = "STATE")]
        state: Option<State>,
        /// Those with an address too
        #[arg(long)]
        bound: bool,
    },
    /// Take valid invitations back
    ///
    /// Their links become worthless. Whoever accepted one stays bound. `issue --again` invites again.
    #[command(after_help = "Example:\n  crieur contacts invitations revoke --contact 12")]
    Revoke {
        #[command(flatten)]
        who: WhoArguments,
    },
}

/// Whose invitations.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(in crate::cli) struct WhoArguments {
    /// Everybody on the list
    #[arg(long)]
    all: bool,
    /// The members of a group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Those whom a segment selects
    #[arg(long, value_name = "NAME")]
    segment: Option<String>,
    /// Those whom a query selects
    #[arg(long, value_name = "QUERY")]
    query: Option<String>,
    /// These contacts, by number
    #[arg(long, value_name = "NUMBER", num_args = 1..)]
    contact: Vec<i64>,
}

impl WhoArguments {
    /// The contacts named; `None` when none were.
    async fn named(&self, operator: &Operator, connection: &mut PgConnection) -> anyhow::Result<Option<ContactSet>> {
        if !self.contact.is_empty() {
            return Ok(Some(invitation::of_numbers(connection, operator.organisation.id, &self.contact).await?));
        }
        let group = self.group.clone().map(ContactSet::Group);
        let segment = self.segment.clone().map(ContactSet::Segment);
        let query = self.query.clone().map(ContactSet::Query);
        Ok(group.or(segment).or(query).or(self.all.then_some(ContactSet::Everyone)))
    }

    /// As [`Self::named`], for what changes something: whom is said, not guessed.
    async fn chosen(&self, operator: &Operator, connection: &mut PgConnection) -> anyhow::Result<ContactSet> {
        self.named(operator, connection).await?.ok_or_else(|| {
            WrongCall("say whose invitations: --all, --group, --segment, --query or --contact".to_owned()).into()
        })
    }

    /// As [`Self::named`], for what only reads.
    async fn or_everyone(&self, operator: &Operator, connection: &mut PgConnection) -> anyhow::Result<ContactSet> {
        Ok(self.named(operator, connection).await?.unwrap_or(ContactSet::Everyone))
    }
}

pub(super) async fn run(
    place: &PlaceArguments,
    command: InvitationsCommand,
    output: Output,
) -> anyhow::Result<ExitCode> {
    Operator::run(place, async |operator| answer(operator, &command, output).await).await?;
    Ok(ExitCode::SUCCESS)
}

async fn answer(operator: &Operator, command: &InvitationsCommand, output: Output) -> anyhow::Result<()> {
    let (organisation, now) = (operator.organisation.id, operator.clock.now());
    let mut connection = operator.pool.acquire().await?;
    let connection: &mut PgConnection = &mut connection;
    match command {
        InvitationsCommand::Issue { who, days, again } => {
            let who = who.chosen(operator, connection).await?;
            let life = TimeDelta::try_days(*days).ok_or_else(|| {
                WrongCall(format!("{days} days are too many: write 1 to {}", invitation::LIFE_DAYS_MAX))
            })?;
            if *again {
                let done = invitation::reissue(connection, organisation, now, &who, life).await?;
                return output.answer(&done, || {
                    format!(
                        "{} invitations were issued anew, and older links of these contacts are worthless. {} contacts \
                         were left alone: they have an address or said STOP.",
                        done.reissued, done.left_alone
                    )
                });
            }
            let done = invitation::issue(connection, organisation, now, &who, life).await?;
            output.answer(&done, || {
                format!(
                    "{} invitations were issued, {} valid ones kept. Left alone: {} contacts with an address, {} who \
                     said STOP, {} whose invitation was taken back.\n`crieur contacts invitations export` and `print` \
                     write what to hand out.",
                    done.issued, done.kept, done.bound, done.stopped, done.revoked
                )
            })
        }
        InvitationsCommand::Export { file, who } => {
            let who = who.or_everyone(operator, connection).await?;
            let sheet = Sheet::of(operator, connection, &who).await?;
            let rows = invitation::mail_merge(Vec::new(), &sheet.organisation, &sheet.links, &sheet.entries)?;
            sheet.write(file, &rows, output)
        }
        InvitationsCommand::Print { file, who } => {
            let who = who.or_everyone(operator, connection).await?;
            let sheet = Sheet::of(operator, connection, &who).await?;
            let page = invitation::printed(&sheet.organisation, &sheet.entries);
            sheet.write(file, page.as_bytes(), output)
        }
        InvitationsCommand::List { who, state, bound } => {
            let who = who.or_everyone(operator, connection).await?;
            let bound_too = *bound || *state == Some(State::Used);
            let mut listed = invitation::list(connection, organisation, now, &who, bound_too).await?;
            listed.retain(|invited| state.is_none_or(|state| invited.state == state));
            output.answer(&listed, || list_words(&listed))
        }
        InvitationsCommand::Revoke { who } => {
            let who = who.chosen(operator, connection).await?;
            let revoked = invitation::revoke(connection, organisation, now, &who).await?;
            output.answer(&json!({ "revoked": revoked }), || {
                format!("{revoked} invitations were taken back. Whoever had accepted one stays bound.")
            })
        }
    }
}

/// What is handed out.
struct Sheet {
    organisation: Organisation,
    links: Vec<AccountLink>,
    entries: Vec<Entry>,
}

impl Sheet {
    async fn of(operator: &Operator, connection: &mut PgConnection, who: &ContactSet) -> anyhow::Result<Self> {
        let organisation = organisations::find_default_with_keys(&operator.pool)
            .await?
            .context("no service has run on this database yet: run `crieur serve` first")?;
        let links = accounts::private_links(&operator.pool, organisation.view.id).await?;
        let now = operator.clock.now();
        let entries = invitation::entries(connection, &organisation, &links, now, who).await?;
        if entries.is_empty() {
            let remedy = "there is no valid invitation to hand out: run `crieur contacts invitations issue` first";
            return Err(WrongCall(remedy.to_owned()).into());
        }
        Ok(Self { organisation, links, entries })
    }

    fn write(&self, path: &Path, content: &[u8], output: Output) -> anyhow::Result<()> {
        let mut file = new_file(path)?;
        file.write_all(content)
            .and_then(|()| file.sync_all())
            .with_context(|| format!("{} could not be written", path.display()))?;
        let count = self.entries.len();
        let accounts: Vec<&str> = self.links.iter().map(|link| link.account.as_str()).collect();
        output.answer(&json!({ "invitations": count, "file": path, "accounts": accounts }), || {
            let links = match accounts.as_slice() {
                [] => "without a link, since no account has one yet: people type their code".to_owned(),
                accounts => format!("with links for {}", accounts.join(", ")),
            };
            format!("{count} invitations are in {}, {links}. Whoever holds one can use it.", path.display())
        })
    }
}

/// A file of one's own, which nobody else can read.
fn new_file(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| {
        WrongCall(format!("{} cannot be made ({error}): name a new file for the invitations", path.display())).into()
    })
}

fn list_words(listed: &[Invited]) -> String {
    let words = |text: &Option<String>| text.clone().unwrap_or_default();
    let at = |at: Option<_>| at.map(moment).unwrap_or_default();
    let rows = listed.iter().map(|invited| {
        [
            invited.number.to_string(),
            words(&invited.external_id),
            words(&invited.name),
            words(&invited.collectivite),
            invited.state.as_str().to_owned(),
            at(invited.expires_at),
            at(invited.disowned_at),
            at(invited.conflict_at),
        ]
    });
    let header = ["number", "external id", "name", "collectivité", "state", "expires", "disowned", "conflict"];
    table(header, rows, "Nobody: every contact has an address.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_exists_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("invitations.csv");
        new_file(&path).unwrap();
        let refused = new_file(&path).unwrap_err();
        assert!(refused.is::<WrongCall>() && refused.to_string().contains("name a new file"), "{refused}");
    }
}
