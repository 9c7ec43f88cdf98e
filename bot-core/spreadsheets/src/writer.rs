//! CSV that spreadsheets open right: UTF-8 with its mark, `;` between cells, CR LF at the end of lines.

use std::io::{self, Write};

use crate::cell::guarded;

/// Writes a table. A cell that a spreadsheet would take for a formula gets a `'` in front, which
/// [`Spreadsheet`](crate::Spreadsheet) takes away again.
#[derive(Debug)]
pub struct CsvWriter<W: Write> {
    inner: W,
    begun: bool,
}

impl<W: Write> CsvWriter<W> {
    pub fn new(inner: W) -> Self {
        Self { inner, begun: false }
    }

    /// Writes one row; the first is the header.
    ///
    /// # Errors
    /// Those of the writer it was made with.
    pub fn row<C: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = C>) -> io::Result<()> {
        let mut line = String::new();
        if !self.begun {
            self.begun = true;
            // How Excel knows UTF-8.
            line.push('\u{feff}');
        }
        for (index, cell) in cells.into_iter().enumerate() {
            if index > 0 {
                line.push(';');
            }
            let cell = guarded(cell.as_ref());
            if cell.contains([';', ',', '\t', '"', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ') {
                line.push('"');
                line.push_str(&cell.replace('"', "\"\""));
                line.push('"');
            } else {
                line.push_str(&cell);
            }
        }
        line.push_str("\r\n");
        self.inner.write_all(line.as_bytes())
    }

    /// Gives back what was written to.
    ///
    /// # Errors
    /// When the last bytes cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.inner.flush()?;
        Ok(self.inner)
    }
}
