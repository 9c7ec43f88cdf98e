//! Answers: words for people, JSON for programs.

use std::io::Write;

use serde::Serialize;
use serde_json::json;

/// How answers are given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    pub json: bool,
}

impl Output {
    /// Shows an answer on standard output.
    pub fn answer<T: Serialize + ?Sized>(self, value: &T, words: impl FnOnce() -> String) -> anyhow::Result<()> {
        let text = if self.json { serde_json::to_string_pretty(value)? } else { words() };
        say(&text);
        Ok(())
    }

    /// Shows an error on standard error, one line a cause.
    pub fn error(self, error: &anyhow::Error) {
        let mut causes: Vec<String> = Vec::new();
        for cause in error.chain().map(ToString::to_string) {
            // Some causes already tell what they rest on.
            if !causes.last().is_some_and(|last| last.contains(&cause)) {
                causes.push(cause);
            }
        }
        let text = if self.json {
            json!({ "error": causes.first(), "causes": causes.get(1..).unwrap_or_default() }).to_string()
        } else {
            format!("crieur: {}", causes.join("\n  because: "))
        };
        // Nobody reads: there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// A line on standard output. A reader that has gone away (`| head`) is no failure.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}

/// Columns under their headings, or `nothing` when there is no row.
pub(super) fn table<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
    nothing: &str,
) -> String {
    let rows: Vec<[String; COLUMNS]> = rows.into_iter().collect();
    if rows.is_empty() {
        return nothing.to_owned();
    }
    let header = header.map(str::to_owned);
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        std::iter::once(&header).chain(&rows).map(|row| row[column].chars().count()).max().unwrap_or_default()
    });
    let lines = std::iter::once(&header).chain(&rows).map(|row| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A moment for people: UTC, to the second.
pub(super) fn moment(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["1".to_owned(), "été".to_owned()], ["22".to_owned(), "automne".to_owned()]];
        assert_eq!(table(["id", "saison"], rows, "rien"), "id  saison\n1   été\n22  automne");
        assert_eq!(table(["id"], [], "rien"), "rien");
    }
}
