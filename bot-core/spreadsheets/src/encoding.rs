//! Which encoding a CSV file has, and its text as UTF-8.
//!
//! Nothing in a CSV file says it, but a mark at the beginning of UTF-16 and of some UTF-8. So the whole file is read once:
//! text in another encoding is as good as never valid UTF-8 by accident. What is not UTF-8 is Windows-1252, which French
//! spreadsheets write as "CSV".

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::error::SpreadsheetError;
use crate::{FILE_BYTES_MAX, Source};

const CHUNK_BYTES: usize = 64 << 10;

/// How the characters of a CSV file are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    Utf8,
    Utf16LittleEndian,
    Utf16BigEndian,
    Windows1252,
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16LittleEndian | Self::Utf16BigEndian => "UTF-16",
            Self::Windows1252 => "Windows-1252",
        }
    }

    fn decoder(self) -> Decoder {
        match self {
            Self::Utf8 => UTF_8,
            Self::Utf16LittleEndian => UTF_16LE,
            Self::Utf16BigEndian => UTF_16BE,
            Self::Windows1252 => WINDOWS_1252,
        }
        .new_decoder_with_bom_removal()
    }
}

/// Reads a whole file: its encoding, and about how many lines it has.
///
/// # Errors
/// When it is no text, or begins as UTF-8 and goes on as something else.
pub(crate) fn survey(source: &mut impl Source) -> Result<(Encoding, u64), SpreadsheetError> {
    source.rewind().map_err(SpreadsheetError::Io)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let (mut held, mut total, mut lines) = (0, 0_u64, 0_u64);
    // Where UTF-8 ends, by line.
    let mut broken_at: Option<u64> = None;
    let (mut zeros, mut mark, mut ends_with_line) = (false, Vec::new(), true);
    loop {
        let read = read_some(source, &mut chunk[held..]).map_err(SpreadsheetError::Io)?;
        if total == 0 {
            mark.extend_from_slice(&chunk[..read.min(3)]);
        }
        total += read as u64;
        if total > FILE_BYTES_MAX {
            return Err(SpreadsheetError::TooLarge);
        }
        let new = &chunk[held..held + read];
        zeros |= new.contains(&0);
        if let Some(last) = new.last() {
            ends_with_line = *last == b'\n';
        }
        let filled = held + read;
        held = 0;
        if broken_at.is_none() {
            match std::str::from_utf8(&chunk[..filled]) {
                Ok(_) => {}
                // A character that goes on in the next chunk.
                Err(error) if error.error_len().is_none() && read > 0 => {
                    let (from, length) = (error.valid_up_to(), filled - error.valid_up_to());
                    lines += count_lines(&chunk[..from]);
                    chunk.copy_within(from..filled, 0);
                    held = length;
                    continue;
                }
                Err(error) => broken_at = Some(lines + count_lines(&chunk[..error.valid_up_to()]) + 1),
            }
        }
        lines += count_lines(&chunk[..filled]);
        if read == 0 {
            break;
        }
    }
    if !ends_with_line {
        lines += 1;
    }
    let encoding = match mark.as_slice() {
        [0xFF, 0xFE, ..] => return Ok((Encoding::Utf16LittleEndian, lines)),
        [0xFE, 0xFF, ..] => return Ok((Encoding::Utf16BigEndian, lines)),
        [0xEF, 0xBB, 0xBF] => match broken_at {
            Some(line) => return Err(SpreadsheetError::MixedEncodings { line }),
            None => Encoding::Utf8,
        },
        _ if broken_at.is_none() => Encoding::Utf8,
        _ => Encoding::Windows1252,
    };
    // Neither encoding writes them; pictures and UTF-16 without a mark do.
    if zeros { Err(SpreadsheetError::NotATable) } else { Ok((encoding, lines)) }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

fn read_some(source: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// The text of a file as UTF-8, without a mark.
pub(crate) struct Decoded {
    source: Box<dyn Read + Send>,
    decoder: Decoder,
    encoding: Encoding,
    input: Vec<u8>,
    taken: usize,
    filled: usize,
    output: Vec<u8>,
    source_ended: bool,
    ended: bool,
}

impl Decoded {
    pub fn new(mut source: impl Source, encoding: Encoding) -> Result<Self, SpreadsheetError> {
        source.rewind().map_err(SpreadsheetError::Io)?;
        Ok(Self {
            source: Box::new(source),
            decoder: encoding.decoder(),
            encoding,
            input: vec![0; CHUNK_BYTES],
            taken: 0,
            filled: 0,
            output: Vec::new(),
            source_ended: false,
            ended: false,
        })
    }

    /// The next piece of the text, of any length; an empty one at the end.
    pub fn piece(&mut self) -> Result<&[u8], SpreadsheetError> {
        self.output.resize(CHUNK_BYTES, 0);
        while !self.ended {
            if self.taken == self.filled && !self.source_ended {
                self.filled = read_some(&mut self.source, &mut self.input).map_err(SpreadsheetError::Io)?;
                self.taken = 0;
                self.source_ended = self.filled == 0;
            }
            let rest = &self.input[self.taken..self.filled];
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(rest, &mut self.output, self.source_ended);
            self.taken += read;
            match result {
                DecoderResult::InputEmpty => self.ended = self.source_ended,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => return Err(SpreadsheetError::BrokenEncoding(self.encoding.name())),
            }
            if written > 0 {
                return Ok(&self.output[..written]);
            }
        }
        Ok(&[])
    }
}

impl std::fmt::Debug for Decoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decoded({})", self.encoding.name())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn decoded(bytes: &[u8]) -> Result<(Encoding, String), SpreadsheetError> {
        let mut source = Cursor::new(bytes.to_vec());
        let (encoding, _) = survey(&mut source)?;
        let mut decoded = Decoded::new(source, encoding)?;
        let mut text = Vec::new();
        loop {
            let piece = decoded.piece()?;
            if piece.is_empty() {
                return Ok((encoding, String::from_utf8(text).unwrap()));
            }
            text.extend_from_slice(piece);
        }
    }

    #[test]
    fn the_encodings_of_french_spreadsheets_are_told_apart() {
        let text = "nom;œuvre\nChâteauneuf;€\n".to_owned();
        assert_eq!(decoded(text.as_bytes()).unwrap(), (Encoding::Utf8, text.clone()));
        assert_eq!(decoded(format!("\u{feff}{text}").as_bytes()).unwrap(), (Encoding::Utf8, text.clone()));
        let (windows, _, lost) = WINDOWS_1252.encode(&text);
        assert!(!lost);
        assert_eq!(decoded(&windows).unwrap(), (Encoding::Windows1252, text.clone()));
        let little: Vec<u8> = [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(decoded(&little).unwrap(), (Encoding::Utf16LittleEndian, text.clone()));
        let big: Vec<u8> = [0xFE, 0xFF].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
        assert_eq!(decoded(&big).unwrap(), (Encoding::Utf16BigEndian, text));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert!(matches!(decoded(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Err(SpreadsheetError::NotATable)));
        let mixed = b"\xEF\xBB\xBFnom\nMontr\xE9al\n";
        assert!(matches!(decoded(mixed), Err(SpreadsheetError::MixedEncodings { line: 2 })));
        assert!(matches!(decoded(b"\xFF\xFEn\0\x00\xD8n\0"), Err(SpreadsheetError::BrokenEncoding("UTF-16"))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// A character may lie across two chunks wherever it begins.
        #[test]
        fn utf_8_of_any_length_is_utf_8(before in CHUNK_BYTES - 8..CHUNK_BYTES + 8, rest in "[é€𝄞a\n]{0,40}") {
            let text = "x".repeat(before) + &rest;
            prop_assert_eq!(decoded(text.as_bytes()).unwrap(), (Encoding::Utf8, text));
        }
    }
}
