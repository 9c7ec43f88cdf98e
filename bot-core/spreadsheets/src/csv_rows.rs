//! CSV as spreadsheets write it (RFC 4180, with `;` or a tab as well).
//!
//! The grammar is small enough to have it here, and a reader of one's own can say on which line a quotation mark was
//! opened that is never closed, and stops at a row that is too long before it is in memory. Tests hold it against the
//! csv crate.

use crate::encoding::{Decoded, Encoding, survey};
use crate::error::SpreadsheetError;
use crate::{COLUMNS_MAX, ROW_BYTES_MAX, RawRow, Source};

const SEPARATORS: [u8; 3] = *b";\t,";

#[derive(Debug)]
pub(crate) struct CsvRows {
    text: Decoded,
    /// What was decoded and not yet read.
    piece: Vec<u8>,
    taken: usize,
    separator: u8,
    line: u64,
}

/// Where in a cell the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Start,
    Plain,
    /// Between quotation marks, of which the first is on this line.
    Quoted(u64),
    /// After a quotation mark between quotation marks: the end, or half of a doubled one.
    Quote(u64),
}

impl CsvRows {
    /// Reads the file once to know its encoding and its number of lines, then its header for the separator.
    pub fn open(mut source: impl Source) -> Result<(Self, Encoding, u64), SpreadsheetError> {
        let (encoding, lines) = survey(&mut source)?;
        let mut rows =
            Self { text: Decoded::new(source, encoding)?, piece: Vec::new(), taken: 0, separator: b';', line: 1 };
        rows.choose_separator()?;
        Ok((rows, encoding, lines))
    }

    pub fn separator(&self) -> u8 {
        self.separator
    }

    /// Excel's own line `sep=;`, else what separates most cells of the header.
    fn choose_separator(&mut self) -> Result<(), SpreadsheetError> {
        while self.piece.len() < ROW_BYTES_MAX {
            let piece = self.text.piece()?;
            if piece.is_empty() {
                break;
            }
            self.piece.extend_from_slice(piece);
            if header_of(&self.piece).is_some() {
                break;
            }
        }
        if let [b's', b'e', b'p', b'=', separator, rest @ ..] = self.piece.as_slice()
            && SEPARATORS.contains(separator)
            && let Some(end) = [&b"\r\n"[..], b"\n"].iter().find(|end| rest.starts_with(end))
        {
            (self.separator, self.taken, self.line) = (*separator, 5 + end.len(), 2);
            return Ok(());
        }
        let header = header_of(&self.piece).unwrap_or(&self.piece);
        let mut counts = [0_usize; 3];
        let mut quoted = false;
        for byte in header {
            quoted ^= *byte == b'"';
            if !quoted && let Some(index) = SEPARATORS.iter().position(|separator| separator == byte) {
                counts[index] += 1;
            }
        }
        let most = counts.iter().max().copied().unwrap_or_default();
        // Of two that are as frequent, the one French spreadsheets write.
        self.separator = counts.iter().position(|count| *count == most).map_or(b';', |index| SEPARATORS[index]);
        Ok(())
    }

    fn byte(&mut self) -> Result<Option<u8>, SpreadsheetError> {
        if self.taken == self.piece.len() {
            self.piece.clear();
            self.piece.extend_from_slice(self.text.piece()?);
            self.taken = 0;
        }
        let byte = self.piece.get(self.taken).copied();
        self.taken += 1;
        Ok(byte)
    }

    pub fn next(&mut self) -> Result<Option<RawRow>, SpreadsheetError> {
        let mut row = RawRow { line: self.line, ..RawRow::default() };
        let (mut cell, mut within, mut size) = (Vec::new(), Within::Start, 0);
        loop {
            let Some(byte) = self.byte()? else {
                self.taken = self.piece.len();
                if let Within::Quoted(line) = within {
                    return Err(SpreadsheetError::UnclosedQuote { line });
                }
                if row.cells.is_empty() && cell.is_empty() && within == Within::Start {
                    return Ok(None);
                }
                row.cells.push(text(cell));
                return Ok(Some(row));
            };
            size += 1;
            if size > ROW_BYTES_MAX {
                return Err(SpreadsheetError::RowTooLong { line: row.line });
            }
            if byte == b'\n' {
                self.line += 1;
            }
            within = match (within, byte) {
                (Within::Start, b'"') => Within::Quoted(self.line),
                (Within::Quoted(line), b'"') => Within::Quote(line),
                (Within::Quote(line), b'"') => {
                    cell.push(b'"');
                    Within::Quoted(line)
                }
                (Within::Quoted(_), _) => {
                    cell.push(byte);
                    within
                }
                (_, b'\n') => {
                    // Of CR LF; a CR elsewhere is white space, and taken away with it.
                    if cell.last() == Some(&b'\r') && within == Within::Plain {
                        cell.pop();
                    }
                    row.cells.push(text(cell));
                    return Ok(Some(row));
                }
                (_, byte) if byte == self.separator => {
                    if row.cells.len() == COLUMNS_MAX {
                        return Err(SpreadsheetError::TooManyColumns { line: row.line });
                    }
                    row.cells.push(text(std::mem::take(&mut cell)));
                    Within::Start
                }
                (_, byte) => {
                    cell.push(byte);
                    Within::Plain
                }
            };
        }
    }
}

/// A cell is cut at ASCII characters, so what was UTF-8 before still is.
fn text(cell: Vec<u8>) -> String {
    String::from_utf8(cell).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The first line that is not empty, when it is there to its end.
fn header_of(text: &[u8]) -> Option<&[u8]> {
    let start = text.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let mut quoted = false;
    let end = text[start..].iter().position(|byte| {
        quoted ^= *byte == b'"';
        *byte == b'\n' && !quoted
    })?;
    Some(&text[start..start + end])
}
