//! Files as they come from towns, good and broken.

use std::io::{Cursor, Write as _};

use encoding_rs::WINDOWS_1252;
use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

fn open(bytes: impl AsRef<[u8]>) -> Result<Spreadsheet, SpreadsheetError> {
    Spreadsheet::read(Cursor::new(bytes.as_ref().to_vec()), None)
}

/// Header and rows, one a line; what is wrong with a row stands in its place.
fn told(bytes: impl AsRef<[u8]>) -> String {
    match open(bytes) {
        Ok(table) => listed(table),
        Err(error) => error.to_string(),
    }
}

fn listed(table: Spreadsheet) -> String {
    let mut lines = vec![format!("{:?}", table.form()), format!("   {}", table.header().join(" | "))];
    for row in table {
        lines.push(match row {
            Ok(row) if row.missing > 0 => format!("{:2} {} (-{})", row.line, row.cells.join(" | "), row.missing),
            Ok(row) => format!("{:2} {}", row.line, row.cells.join(" | ")),
            Err(ReadError::Row(problem)) => format!("!! {problem}"),
            Err(ReadError::File(error)) => format!("the end: {error}"),
        });
    }
    lines.join("\n")
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).unwrap()
}

#[test]
fn windows_1252_with_semicolons_is_read_as_excel_writes_it() {
    let (bytes, _, _) =
        WINDOWS_1252.encode("identifiant;nom;note\r\n1;Élise Lœuillet;4,5 €\r\n2;\"Bo; \"\"dit\"\" B\";\r\n");
    insta::assert_snapshot!(told(bytes), @r#"
    Csv { encoding: Windows1252, separator: ';' }
       identifiant | nom | note
     2 1 | Élise Lœuillet | 4,5 €
     3 2 | Bo; "dit" B | 
    "#);
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    let text = "\u{feff}\r\n\nid,\"nom,\nprénom\"\r\n1,\"Ana\r\nBourg\"\r\n\r\n,\r\n2,Bo";
    insta::assert_snapshot!(told(text), @r"
    Csv { encoding: Utf8, separator: ',' }
       id | nom, prénom
     5 1 | Ana
    Bourg
     9 2 | Bo
    ");
}

#[test]
fn the_separator_is_that_of_the_header() {
    assert!(told("id\tnom\n1\tA;B,C").contains("separator: '\\t'"));
    assert!(told("\"a;b;c\",d\n1,2").contains("separator: ','"));
    assert!(told("sep=,\r\nid;x,nom\r\n1,2").contains("separator: ','"));
    assert!(told("sep=,\r\nid;x,nom\r\n1,2").contains("\n 3 1 | 2"));
    assert!(told("identifiant\n1").contains("separator: ';'"));
}

#[test]
fn a_ragged_row_is_told_with_its_line_and_the_rest_is_read() {
    insta::assert_snapshot!(told("id;nom\n1;Ana;Bourg\n2;Bo;;\n3\n4;Cléo\n"), @r"
    Csv { encoding: Utf8, separator: ';' }
       id | nom
    !! line 2: 3 cells where the header names 2: is a separator part of a text? Put such a text between quotation marks
     3 2 | Bo
     4 3 |  (-1)
     5 4 | Cléo
    ");
}

#[test]
fn a_file_that_breaks_says_where() {
    insta::assert_snapshot!(told("id;nom\n1;\"Ana\n2;Bo\n3;Cléo\n"), @r"
    Csv { encoding: Utf8, separator: ';' }
       id | nom
    the end: the quotation mark that opens a cell on line 2 is never closed: close it, or double it if it belongs to the text
    ");
    let long = format!("id;nom\n1;\"{}", "x\n".repeat(ROW_BYTES_MAX));
    assert!(told(long).ends_with("A quotation mark within a text is doubled"));
    insta::assert_snapshot!(told("id;nom;\n1;a\u{7};\n2;b;c\n3;c\n"), @r"
    Csv { encoding: Utf8, separator: ';' }
       id | nom
    !! line 2, column “nom”: the cell has a character that is none (control character): type the cell again
    !! line 3: 3 cells where the header names 2: is a separator part of a text? Put such a text between quotation marks
     4 3 | c
    ");
    assert!(
        told("id;nom\n1;".to_owned() + &"é".repeat(CELL_BYTES_MAX)).contains("line 2, column “nom”: the cell has more")
    );
}

#[test]
fn a_header_must_name_each_column_once() {
    insta::assert_snapshot!(told("id;nom;id\n"), @"two columns are named “id” (columns 1 and 3): rename one");
    insta::assert_snapshot!(told("id;;nom\n1;x;a\n2;;b\n"), @r"
    Csv { encoding: Utf8, separator: ';' }
       id |  | nom
    !! line 2: column 2 has a value and no name: name it in the header
     3 2 |  | b
    ");
    assert!(told("").starts_with("the file is empty"));
    assert!(told("\n \n;;\n").starts_with("the file is empty"));
    assert!(told(vec![b';'; COLUMNS_MAX + 2]).contains("more than 500 columns"));
}

#[test]
fn a_workbook_is_read_as_it_is_shown() {
    insta::assert_snapshot!(told(fixture("mairies.xlsx")), @r#"
    Xlsx { sheet: "Mairies" }
       Identifiant | Nom | Collectivité | Type | Code INSEE | Population | Région | Depuis | Note
     2 m-1 | Ana  Bourg | Ambérieu-en-Bugey | commune | 01004 | 14203 | 84 | 01/09/2026 | 1,5
     3 m-2 | Cléo d’Ajaccio | Ajaccio | commune | 2A004 | 72842 | 94 | 31/12/2025 | 
    !! line 5, column “Note”: the formula gives #N/A: correct it, or replace it by its value
    "#);
    insta::assert_snapshot!(told(fixture("mairies.ods")), @r#"
    Ods { sheet: "Mairies" }
       Identifiant | Nom | Collectivité | Type | Code INSEE | Population | Région | Depuis | Note
     2 m-1 | Ana  Bourg | Ambérieu-en-Bugey | commune | 01004 | 14203 | 84 | 01/09/2026 | 1,5
     3 m-2 | Cléo d’Ajaccio | Ajaccio | commune | 2A004 | 72842 | 94 | 31/12/2025 | 
    !! line 5, column “Note”: the formula gives #N/A: correct it, or replace it by its value
    "#);
}

#[test]
fn a_sheet_is_chosen_by_name() {
    for name in ["mairies.xlsx", "mairies.ods"] {
        let table = |sheet| Spreadsheet::read(Cursor::new(fixture(name)), Some(sheet));
        assert_eq!(table("Notes").unwrap().header(), ["mot"]);
        let error = table("Mairie").unwrap_err().to_string();
        assert_eq!(error, "the workbook has no sheet “Mairie”: it has Mairies, Notes");
    }
    let error = Spreadsheet::read(Cursor::new("id\n1".to_owned()), Some("Notes")).unwrap_err().to_string();
    assert_eq!(error, "there is no sheet “Notes” in a CSV file: leave --sheet out");
}

fn zipped(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn a_zip_bomb_is_refused_before_it_is_unpacked() {
    let zeros = vec![b' '; 70 << 20];
    let stretch = zipped(&[("content.xml", &zeros[..2 << 20])]);
    assert!(stretch.len() < 10_000);
    assert!(matches!(open(stretch), Err(SpreadsheetError::TooLargeUnpacked(_))));
    let tags = b"<si/>".repeat(14 << 20);
    let strings = zipped(&[("xl/workbook.xml", b"<workbook/>"), ("xl/sharedStrings.xml", &tags)]);
    assert!(matches!(open(strings), Err(SpreadsheetError::TooLargeUnpacked(_))));
}

#[test]
fn an_ods_file_that_repeats_without_end_is_refused() {
    let content = |rows: &str| {
        format!(
            "<office:document-content><office:body><office:spreadsheet><table:table table:name='a'><table:table-row>\
             <table:table-cell><text:p>id</text:p></table:table-cell></table:table-row>{rows}</table:table>"
        )
    };
    let wide = "<table:table-row><table:table-cell table:number-columns-repeated='9999999999'><text:p>x</text:p>\
                </table:table-cell></table:table-row>";
    assert!(told(zipped(&[("content.xml", content(wide).as_bytes())])).contains("more than 500 columns"));
    let long = "<table:table-row table:number-rows-repeated='2000000'><table:table-cell><text:p>x</text:p>\
                </table:table-cell></table:table-row>";
    let table = open(zipped(&[("content.xml", content(long).as_bytes())])).unwrap();
    let last = table.last().unwrap().unwrap_err().to_string();
    assert!(last.contains("more rows than a sheet can have"), "{last}");
    let spaces = "<table:table-row><table:table-cell><text:p>x<text:s text:c='4000000000'/>y</text:p></table:table-cell>\
                  </table:table-row>";
    assert!(told(zipped(&[("content.xml", content(spaces).as_bytes())])).contains("more than 20000 bytes"));
}

#[test]
fn what_is_no_table_says_what_to_do() {
    assert!(told(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1rest").contains("save it without password as .xlsx"));
    assert!(told(zipped(&[("word/document.xml", b"<w/>")])).contains("neither CSV nor a workbook"));
    assert!(told(b"%PDF-1.7\0\x01\xE2").contains("neither CSV nor a workbook"));
    let whole = fixture("mairies.xlsx");
    assert!(matches!(open(&whole[..whole.len() / 2]), Err(SpreadsheetError::Damaged { .. })));
    let cut = zipped(&[("content.xml", b"<a><table:table table:name='a'><table:table-row><table:table-cell>")]);
    assert!(matches!(open(cut), Err(SpreadsheetError::Damaged { .. })));
    assert!(matches!(Spreadsheet::open(Path::new("/nowhere/at/all.csv"), None), Err(SpreadsheetError::Io(_))));
}

/// A text such as people write in a cell, without what surrounds it.
fn cell() -> impl Strategy<Value = String> {
    "[a-zé0-9 ;,\"'=+@\n\t-]{0,12}".prop_map(|text| text.trim().to_owned())
}

/// Files that differ from good ones in a few bytes.
fn nearly(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec((0..good.len(), any::<u8>()), 0..4).prop_map(move |changes| {
        let mut bytes = good.clone();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn what_we_write_is_what_we_read(
        rows in proptest::collection::vec(proptest::collection::vec(cell(), 3), 0..6)
    ) {
        let mut writer = CsvWriter::new(Vec::new());
        writer.row(["a", "b", "c"]).unwrap();
        for row in &rows {
            writer.row(row).unwrap();
        }
        let table = open(writer.finish().unwrap()).unwrap();
        let read: Vec<Vec<String>> = table.map(|row| row.unwrap().cells).collect();
        let written: Vec<Vec<String>> =
            rows.into_iter().filter(|row| row.iter().any(|cell| !cell.is_empty())).collect();
        prop_assert_eq!(read, written);
    }

    /// Another reader agrees, wherever the file is one that RFC 4180 knows.
    #[test]
    fn the_csv_crate_reads_the_same(
        rows in proptest::collection::vec(proptest::collection::vec(cell(), 1..4), 1..6),
        crlf in any::<bool>(),
    ) {
        let end = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new().delimiter(b';').flexible(true).terminator(end).from_writer(Vec::new());
        writer.write_record(["k1", "k2", "k3"]).unwrap();
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let mut reader = csv::ReaderBuilder::new().delimiter(b';').flexible(true).from_reader(bytes.as_slice());
        let theirs: Vec<Vec<String>> = reader
            .records()
            .map(|record| record.unwrap().iter().map(|text| cell::settled(text).unwrap()).collect::<Vec<_>>())
            .filter(|row: &Vec<String>| row.iter().any(|cell| !cell.is_empty()))
            .map(|mut row| { row.resize(3, String::new()); row })
            .collect();
        let ours: Vec<Vec<String>> = open(&bytes).unwrap().map(|row| row.unwrap().cells).collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(table) = open(bytes) {
            table.for_each(drop);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(sep=;\n)?[ab;,\"\r\n\t='é]{0,60}") {
        if let Ok(table) = open(text) {
            let width = table.header().len();
            for row in table.flatten() {
                prop_assert_eq!(row.cells.len(), width);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_damaged_workbook_is_read_or_refused(
        bytes in prop_oneof![nearly(fixture("mairies.xlsx")), nearly(fixture("mairies.ods"))]
    ) {
        if let Ok(table) = open(bytes) {
            table.take(1000).for_each(drop);
        }
    }
}
