//! What kind of file it is, by its first bytes, and whether a workbook may be unpacked.
//!
//! A workbook is a ZIP file; a small one can unpack to anything (a "zip bomb"). What its directory says of sizes may be a
//! lie, so every part that a reader would touch is unpacked once and counted, without being kept.

use std::io::{Read, Seek};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::SpreadsheetError;
use crate::{FILE_BYTES_MAX, Source};

/// All parts together, in bytes. A million rows of ten columns have about 400 MB.
const UNPACKED_BYTES_MAX: u64 = 512 << 20;
/// A part that is held in memory as a whole: everything but the sheets.
const HELD_BYTES_MAX: u64 = 64 << 20;
/// The longest stretch of XML without a tag: it is held in memory.
const STRETCH_BYTES_MAX: u64 = 1 << 20;
const PARTS_MAX: usize = 5_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Text,
    Xlsx,
    Ods,
}

/// Tells what `source` is. A workbook is unpacked once, so that it may be read without fear.
pub(crate) fn kind_of(source: &mut impl Source) -> Result<Kind, SpreadsheetError> {
    let size = source.seek(std::io::SeekFrom::End(0)).map_err(SpreadsheetError::Io)?;
    if size > FILE_BYTES_MAX {
        return Err(SpreadsheetError::TooLarge);
    }
    source.rewind().map_err(SpreadsheetError::Io)?;
    let mut first = Vec::with_capacity(8);
    source.by_ref().take(8).read_to_end(&mut first).map_err(SpreadsheetError::Io)?;
    source.rewind().map_err(SpreadsheetError::Io)?;
    match first.as_slice() {
        [b'P', b'K', 3, 4, ..] => examine(source),
        // A compound file (MS-CFB): .xls, and .xlsx with a password.
        [0xD0, 0xCF, 0x11, 0xE0, ..] => Err(SpreadsheetError::OldOrLocked),
        _ => Ok(Kind::Text),
    }
}

fn examine(source: &mut (impl Read + Seek)) -> Result<Kind, SpreadsheetError> {
    let mut archive = ZipArchive::new(source).map_err(damaged)?;
    if archive.len() > PARTS_MAX {
        return Err(SpreadsheetError::TooLargeUnpacked(format!("{} parts", archive.len())));
    }
    let mut kind = None;
    let mut total = 0;
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(damaged)?;
        let name = part.name().map_err(damaged)?.to_ascii_lowercase();
        match name.as_str() {
            "xl/workbook.xml" => kind = Some(Kind::Xlsx),
            "content.xml" => kind = Some(Kind::Ods),
            _ => {}
        }
        // Pictures and what else there may be is never unpacked.
        if !(name.ends_with(".xml") || name.ends_with(".rels")) {
            continue;
        }
        let is_sheet = name.starts_with("xl/worksheets/") || name == "content.xml";
        let limit = (UNPACKED_BYTES_MAX - total).min(if is_sheet { UNPACKED_BYTES_MAX } else { HELD_BYTES_MAX });
        total += measured(&mut part, limit, &name)?;
    }
    kind.ok_or(SpreadsheetError::NotATable)
}

fn measured(part: &mut impl Read, limit: u64, name: &str) -> Result<u64, SpreadsheetError> {
    let mut chunk = vec![0; 64 << 10];
    let (mut size, mut stretch) = (0, 0);
    loop {
        let read =
            part.read(&mut chunk).map_err(|error| SpreadsheetError::Damaged { line: 0, reason: error.to_string() })?;
        if read == 0 {
            return Ok(size);
        }
        size += read as u64;
        stretch = match chunk[..read].iter().rposition(|byte| *byte == b'<') {
            Some(last) => (read - last) as u64,
            None => stretch + read as u64,
        };
        if size > limit || stretch > STRETCH_BYTES_MAX {
            return Err(SpreadsheetError::TooLargeUnpacked(name.to_owned()));
        }
    }
}

pub(crate) fn damaged(error: ZipError) -> SpreadsheetError {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => SpreadsheetError::OldOrLocked,
        ZipError::Io(error) => SpreadsheetError::Damaged { line: 0, reason: error.to_string() },
        error => SpreadsheetError::Damaged { line: 0, reason: error.to_string() },
    }
}
