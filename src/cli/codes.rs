//! `consultation codes`: participation codes, written to a file to be handed out.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use bot_core::plugin::HandlerError;
use bot_core::store::accounts::{self, AccountLink};
use micro_consultations::codes::{self, Code};
use micro_consultations::operations;
use serde_json::json;

use super::WrongCall;
use super::arguments::PlaceArguments;
use super::operator::Operator;
use super::output::Output;

/// Makes codes and writes them to a new file. When the file cannot be written no code was made, and when no code was
/// made there is no file.
pub(super) async fn run(
    place: &PlaceArguments,
    name: &str,
    count: usize,
    csv: &Path,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let mut file = new_file(csv)?;
    let plugin = "micro-consultations".parse()?;
    let made = Operator::run(place, async |operator| {
        let organisation = operator.organisation.id;
        let links = accounts::private_links(&operator.pool, organisation).await?;
        let work = async |cx: &mut bot_core::plugin::Context| {
            let id = operations::show(cx, name).await?.id;
            let codes = codes::make(cx, id, count).await?;
            let written = file.write_all(sheet(&codes, &links).as_bytes()).and_then(|()| file.sync_all());
            written.map_err(|error| HandlerError::Broken(format!("the file of codes cannot be written: {error}")))?;
            codes::counts(cx, id).await
        };
        operator.perform(&plugin, work).await
    });
    let made = made.await;
    let (all, used) = match made {
        Ok(counts) => counts,
        Err(error) => {
            // What it holds, if anything, is good for nothing.
            fs::remove_file(csv).with_context(|| format!("{} could not be removed again", csv.display()))?;
            return Err(error);
        }
    };
    let facts = json!({ "codes": count, "file": csv, "made_in_all": all, "used": used });
    output.answer(&facts, || {
        format!(
            "{count} codes are in {}: the only copy there is. In all {all} were made, {used} are used.",
            csv.display()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A file of one's own, which nobody else can read.
fn new_file(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| {
        WrongCall(format!("{} cannot be made ({error}): name a new file for the codes", path.display())).into()
    })
}

/// One line a code (RFC 4180, UTF-8), with a link for each account that has one: to print, or to make a QR code of.
fn sheet(codes: &[Code], links: &[AccountLink]) -> String {
    let header = ["number".to_owned(), "code".to_owned(), "write".to_owned()];
    let mut lines = vec![line(header.into_iter().chain(links.iter().map(|link| format!("link {}", link.account))))];
    for (index, code) in codes.iter().enumerate() {
        let cells = [(index + 1).to_string(), code.to_string(), format!("/participer {code}")];
        let links = links.iter().map(|link| link.link.with(&code.payload()));
        lines.push(line(cells.into_iter().chain(links)));
    }
    lines.concat()
}

fn line(cells: impl Iterator<Item = String>) -> String {
    cells.map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use bot_core::store::accounts::StoredLink;

    use super::*;

    #[test]
    fn a_sheet_has_a_link_for_each_network() {
        let link = |account: &str, url: &str, carries_payload| AccountLink {
            account: account.to_owned(),
            platform: account.to_owned(),
            link: StoredLink { url: url.to_owned(), carries_payload },
        };
        let links = [
            link("one", "https://one.example/bot?start={payload}", true),
            link("two", "https://two.example/@bot", false),
        ];
        let codes = [Code::read("7F3KQ-M2XD9").unwrap()];
        insta::assert_snapshot!(sheet(&codes, &links), @r#"
        "number","code","write","link one","link two"
        "1","7F3KQ-M2XD9","/participer 7F3KQ-M2XD9","https://one.example/bot?start=participer-7F3KQ-M2XD9","https://two.example/@bot"
        "#);
    }
}
