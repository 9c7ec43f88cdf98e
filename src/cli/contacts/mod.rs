//! `contacts`: whom we hope to hear from.

pub(super) mod arguments;
mod import;
mod invitations;

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use bot_core::contacts::directory::Shown;
use bot_core::contacts::fields::FieldKind;
use bot_core::contacts::{ContactSet, ContactView, Directory, DirectoryError, merge};
use serde_json::json;

use self::arguments::{ContactsCommand, FieldType, FieldsCommand, GroupsCommand, SegmentsCommand};
use super::WrongCall;
use super::arguments::PlaceArguments;
use super::operator::Operator;
use super::output::{Output, moment, table};

/// Who changes contacts, in their history and in the audit log: whoever can run this program on this machine.
const ACTOR: &str = "operator";

pub(super) async fn run(place: &PlaceArguments, command: ContactsCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        ContactsCommand::Invitations(command) => invitations::run(place, command, output).await,
        command => Operator::run(place, async |operator| answer(operator, command, output).await).await,
    }
}

async fn answer(operator: &Operator, command: ContactsCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        ContactsCommand::Import(arguments) => return import::run(operator, arguments, output).await,
        ContactsCommand::Export { contact: Some(contact), .. } => {
            let shown = at_desk(operator, async |desk| desk.show(&contact).await).await?;
            Output { json: true }.answer(&shown, String::new)?;
        }
        ContactsCommand::Export { file, which, contact: None } => {
            export(operator, file.as_deref(), &which.set(), output).await?;
        }
        ContactsCommand::Search { words, which, limit } => {
            let words = words.join(" ");
            let search = async |desk: &mut Directory<'_>| desk.search(&which.set(), &words, limit).await;
            let (found, all) = at_desk(operator, search).await?;
            output.answer(&json!({ "contacts": found, "all": all }), || list_of(&found, all))?;
        }
        ContactsCommand::Show { contact } => {
            let shown = at_desk(operator, async |desk| desk.show(&contact).await).await?;
            output.answer(&shown, || words_for(&shown))?;
        }
        ContactsCommand::Fields(command) => fields(operator, command, output).await?,
        ContactsCommand::Groups(command) => groups(operator, command, output).await?,
        ContactsCommand::Segments(command) => segments(operator, command, output).await?,
        // Answered above: they open the database for themselves.
        ContactsCommand::Invitations(_) => {}
        ContactsCommand::Merge { kept, gone } => {
            let service = operator.service().await?;
            let merged = merge::merge(service.core(), service.default_organisation()?, ACTOR, &kept, &gone).await?;
            output.answer(&merged, || {
                let listed = |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
                let addresses = if merged.addresses_moved { " Its addresses lead to the one that stays." } else { "" };
                format!(
                    "Contact {} is now a part of contact {}. Filled in: {}. Kept as it was: {}.{addresses}",
                    merged.gone,
                    merged.kept,
                    listed(&merged.filled),
                    listed(&merged.kept_own)
                )
            })?;
        }
        ContactsCommand::Delete { contact } => {
            let number = at_desk(operator, async |desk| desk.delete(&contact).await).await?;
            output.answer(&json!({ "deleted": number }), || format!("Contact {number} is deleted."))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Works on the contacts in one transaction, which is kept when it succeeds.
async fn at_desk<T>(
    operator: &Operator,
    work: impl AsyncFnOnce(&mut Directory<'_>) -> Result<T, DirectoryError>,
) -> anyhow::Result<T> {
    let mut transaction = operator.pool.begin().await?;
    let organisation = operator.organisation.id;
    let mut desk = Directory { sql: &mut transaction, organisation, now: operator.clock.now(), actor: ACTOR };
    let done = work(&mut desk).await?;
    transaction.commit().await?;
    Ok(done)
}

async fn export(operator: &Operator, file: Option<&Path>, set: &ContactSet, output: Output) -> anyhow::Result<()> {
    let Some(path) = file else {
        // A reader that has gone away (`| head`) is no failure.
        let mut csv = Vec::new();
        at_desk(operator, async |desk| desk.export_csv(set, &mut csv).await).await?;
        let _ = io::stdout().write_all(&csv);
        return Ok(());
    };
    let file = new_file(path)?;
    let exported = at_desk(operator, async |desk| desk.export_csv(set, io::BufWriter::new(&file)).await).await;
    match exported {
        Ok(count) => output.answer(&json!({ "exported": count, "file": path }), || {
            format!("{count} contacts are in {}.", path.display())
        }),
        Err(error) => {
            fs::remove_file(path)?;
            Err(error)
        }
    }
}

/// A file of one's own, which nobody else can read.
fn new_file(path: &Path) -> anyhow::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map_err(|error| WrongCall(format!("{} cannot be made ({error}): name a new file", path.display())).into())
}

fn list_of(found: &[ContactView], all: usize) -> String {
    let rows = found.iter().map(|contact| {
        let body = contact.collectivite.as_ref();
        let state = match (contact.stopped, &contact.reach.last_used, contact.reach.blocked) {
            (true, ..) => "stopped".to_owned(),
            (_, None, _) => "not yet bound".to_owned(),
            (_, Some(network), true) => format!("blocked on {network}"),
            (_, Some(network), false) => network.to_string(),
        };
        [
            contact.number.to_string(),
            contact.external_id.clone().unwrap_or_default(),
            contact.name.clone().unwrap_or_default(),
            body.map(|body| body.name.clone()).unwrap_or_default(),
            contact.rank.map(|rank| rank.to_string()).unwrap_or_default(),
            contact.groups.join(", "),
            state,
        ]
    });
    let header = ["number", "identifier", "name", "collectivité", "rank", "groups", "reach"];
    let list = table(header, rows, "Nobody is found.");
    match all - found.len() {
        0 => list,
        more => format!("{list}\n… and {more} more: narrow the search, or raise --limit"),
    }
}

fn words_for(shown: &Shown) -> String {
    let contact = &shown.contact;
    let mut lines = vec![list_of(std::slice::from_ref(contact), 1)];
    if let Some(body) = &contact.collectivite {
        let facts = [
            body.insee.as_ref().map(|code| format!("INSEE {code}")),
            body.siren.as_ref().map(|code| format!("SIREN {code}")),
            body.population.map(|count| format!("{count} inhabitants")),
            body.departement.as_ref().map(|code| format!("département {code}")),
            body.region.as_ref().map(|code| format!("région {code}")),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        lines.push(format!("\n{} ({}): {}", body.name, body.kind.as_str(), facts.join(", ")));
    }
    lines.extend(contact.fields.iter().map(|(key, value)| format!("{key}: {value}")));
    lines.extend(contact.time_zone.iter().map(|zone| format!("time zone: {zone}")));
    for consent in &shown.consent_ledger {
        let until = consent.withdrawn_at.map(|at| format!(", withdrawn {}", moment(at))).unwrap_or_default();
        lines.push(format!("consent to {}: {}{until}", consent.purpose, moment(consent.given_at)));
    }
    lines.push("\nHistory".to_owned());
    lines.extend(
        shown.history.iter().map(|entry| {
            format!("  {}  {}  {}  {}", moment(entry.happened_at), entry.actor, entry.action, entry.details)
        }),
    );
    lines.join("\n")
}

async fn fields(operator: &Operator, command: FieldsCommand, output: Output) -> anyhow::Result<()> {
    match command {
        FieldsCommand::Declare { key, label, kind, choices } => {
            let choices =
                choices.into_iter().map(|choice| choice.trim().to_owned()).filter(|choice| !choice.is_empty());
            let kind = match kind {
                FieldType::Text => FieldKind::Text,
                FieldType::Number => FieldKind::Number,
                FieldType::Date => FieldKind::Date,
                FieldType::Choice => FieldKind::Choice(choices.collect()),
            };
            let label = label.unwrap_or_else(|| key.to_string());
            let field = at_desk(operator, async |desk| desk.declare_field(&key, &label, kind).await).await?;
            output
                .answer(&field, || format!("`{}` ({}) is declared as {}.", field.key, field.label, field.kind.as_str()))
        }
        FieldsCommand::List => {
            let fields = at_desk(operator, async |desk| desk.fields().await).await?;
            output.answer(&fields, || {
                let rows = fields.iter().map(|field| {
                    let choices = match &field.kind {
                        FieldKind::Choice(choices) => choices.join(", "),
                        FieldKind::Text | FieldKind::Number | FieldKind::Date => String::new(),
                    };
                    [field.key.clone(), field.label.clone(), field.kind.as_str().to_owned(), choices]
                });
                table(["key", "label", "type", "choices"], rows, "No field is declared.")
            })
        }
    }
}

async fn groups(operator: &Operator, command: GroupsCommand, output: Output) -> anyhow::Result<()> {
    match command {
        GroupsCommand::List => {
            let groups = at_desk(operator, async |desk| desk.groups().await).await?;
            output.answer(&groups, || {
                let rows = groups.iter().map(|group| [group.name.clone(), group.contacts.to_string()]);
                table(["group", "contacts"], rows, "There is no group.")
            })
        }
        GroupsCommand::Create { name } => {
            let created = at_desk(operator, async |desk| desk.create_group(&name).await).await?;
            output.answer(&json!({ "group": name, "created": created }), || match created {
                true => format!("The group {name} is made."),
                false => format!("The group {name} was there already."),
            })
        }
        GroupsCommand::Add { name, contacts } => {
            let added = at_desk(operator, async |desk| desk.add_to_group(&name, &contacts).await).await?;
            output.answer(&json!({ "group": name, "added": added }), || format!("{added} contacts joined {name}."))
        }
        GroupsCommand::Remove { name, contacts } => {
            let removed = at_desk(operator, async |desk| desk.remove_from_group(&name, &contacts).await).await?;
            output.answer(&json!({ "group": name, "removed": removed }), || format!("{removed} contacts left {name}."))
        }
        GroupsCommand::Drop { name } => {
            at_desk(operator, async |desk| desk.drop_group(&name).await).await?;
            output.answer(&json!({ "dropped": name }), || format!("The group {name} is gone; its contacts stay."))
        }
    }
}

async fn segments(operator: &Operator, command: SegmentsCommand, output: Output) -> anyhow::Result<()> {
    match command {
        SegmentsCommand::List => {
            let segments = at_desk(operator, async |desk| desk.segments().await).await?;
            output.answer(&segments, || {
                let rows = segments.iter().map(|segment| [segment.name.clone(), segment.query.clone()]);
                table(["segment", "query"], rows, "There is no segment.")
            })
        }
        SegmentsCommand::Save { name, query } => {
            let saved = at_desk(operator, async |desk| desk.save_segment(&name, &query).await).await?;
            output.answer(&saved, || format!("{} is saved: {}", saved.name, saved.query))
        }
        SegmentsCommand::Try { query } => {
            let count = at_desk(operator, async |desk| desk.try_segment(&query).await).await?;
            output.answer(&count, || {
                format!(
                    "{}\n{} contacts of {} collectivités: {} can be written to, {} not yet bound, {} stopped",
                    count.query, count.contacts, count.collectivites, count.reachable, count.unbound, count.stopped
                )
            })
        }
        SegmentsCommand::Drop { name } => {
            at_desk(operator, async |desk| desk.drop_segment(&name).await).await?;
            output.answer(&json!({ "dropped": name }), || format!("The segment {name} is gone; its contacts stay."))
        }
    }
}
