use insta::assert_snapshot;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;

fn csv(text: &str) -> Result<Table, TableErrors> {
    read(text.as_bytes().to_vec(), &Wanted::Usual)
}

fn told(text: &str) -> String {
    csv(text).unwrap_err().to_string()
}

fn lines(table: &Table) -> Vec<String> {
    let line = |figure: &Figure| {
        let Figure { indicator, edition, stratum, value, unit, base } = figure;
        let base = base.map(|base| base.to_string()).unwrap_or_default();
        format!("{indicator}|{edition}|{stratum}|{value}|{}|{base}", unit.as_str())
    };
    table.figures.iter().map(line).collect()
}

#[test]
fn a_french_table_and_an_english_one_say_the_same() {
    let french = "Indicateur;Édition;Strate;Valeur;Base;Unité\nSatisfaction;2016;;80,1\u{202f}%;98;pourcentage\n\
                  Réponses;2018;régions;1 157;;nombre\n";
    let english = "\u{feff}indicator,year,stratum,value,base,unit\r\nSatisfaction,2016,Ensemble,80.10,98,%\r\n\
                   Réponses,2018,régions,1157,,count\r\n";
    let json = r#"[{"edition": 2016, "indicator": "Satisfaction", "value": 80.1, "base": 98.0, "unit": "percent", "note": [1]},
                   {"edition": "2018", "indicator": "Réponses", "stratum": "régions", "value": "1 157", "unit": "count"}]"#;
    let expected = ["Satisfaction|2016||80.1|percent|98", "Réponses|2018|régions|1157|count|"];
    for text in [french, english, json] {
        assert_eq!(lines(&csv(text).unwrap()), expected, "{text}");
    }
    let (windows, _, _) = encoding_rs::WINDOWS_1252.encode("indicateur\tannée\tvaleur\nDéjà vu\t2016\t34 %\n");
    let table = read(windows.into_owned(), &Wanted::Usual).unwrap();
    assert_eq!(lines(&table), ["Déjà vu|2016||34|percent|"]);
    assert_eq!(table.columns, ["indicateur", "année", "valeur"]);
}

#[test]
fn everything_wrong_is_told_at_once() {
    let text = "indicateur;édition;strate;valeur;base;unité\n\
                A;2016;;environ 2/3;;%\n\
                A;2017;;120;;%\n\
                B;2016;;50;-3;%\n\
                ;2016;;50;;%\n\
                C;2016;;50;;\n\
                C;2017;;50 %;;nombre\n\
                D;2016;;1,234;;nombre\n\
                D;2017;;50;12,5;%\n\
                D;2018;;;;%\n\
                E;2016;;51;;%\n\
                E;2016;ensemble;52;;%\n\
                E;2017;;-1;;nombre\n\
                E;2018;;1;;kilos\n\
                F;2016;;1;2;3;4\n";
    assert_snapshot!(told(text), @r"
    line 2, column “valeur”: “environ 2/3” is no number: write it in digits, such as 66,7 or 1 234, or leave the row out
    line 3, column “valeur”: “120” is over 100 %: write a share of 0 to 100, or another unit
    line 4, column “base”: “-3” is below zero: nothing counts less than 0
    line 5, column “indicateur”: “” is empty: write it, or leave the row out
    line 6, column “valeur”: “50” has no unit: write % behind the value, or add a column unit with percent, count or euro
    line 7, column “valeur”: “50 %” says another unit than the column unit, which says count: correct one of them
    line 8, column “valeur”: “1,234” can be read in two ways: write 1 234 for more than a thousand, or one decimal more or less
    line 9, column “base”: “12,5” is no whole number of answers: write how many there were, or leave it empty where it was not published
    line 10, column “valeur”: “” is empty: write it, or leave the row out
    line 12, column “valeur”: “52” is another value than line 11 gives the same indicator, edition and stratum: keep one of the two
    line 13, column “valeur”: “-1” is below zero: nothing counts less than 0
    line 14, column “unité”: “kilos” is no unit: write percent, count or euro
    line 15: cannot be read: 7 cells where the header names 6: is a separator part of a text? Put such a text between quotation marks
    ");
}

#[test]
fn columns_that_miss_are_told_with_those_that_are_there() {
    assert_snapshot!(told("indicateur;résultat;année;edition\nA;1;2;3\n"), @r"
    the columns “année” and “edition” mean the same: leave one out
    the column “valeur” is missing; there are “indicateur”, “résultat”, “année”, “edition”: name it so, or name the column that holds it
    ");
    let wanted = Wanted::Named(Names {
        indicator: "libelle".to_owned(),
        edition: "annee".to_owned(),
        stratum: Some("population".to_owned()),
        value: "taux".to_owned(),
        base: None,
        unit: Some("percent".to_owned()),
    });
    let renamed = read(b"libelle;annee;strate;taux_pct\nA;2016;;1\n".to_vec(), &wanted).unwrap_err();
    assert_snapshot!(renamed, @r"
    the column “population” is missing; there are “libelle”, “annee”, “strate”, “taux_pct”: name it so, or name the column that holds it
    the column “taux” is missing; there are “libelle”, “annee”, “strate”, “taux_pct”: name it so, or name the column that holds it
    ");
    // Without a column of that name, the unit of all rows is what is written.
    let table = read(b"libelle;annee;population;taux\nA;2016;;1\n".to_vec(), &wanted).unwrap();
    assert_eq!(lines(&table), ["A|2016||1|percent|"]);
}

#[test]
fn what_is_no_table_says_what_it_is() {
    assert_eq!(told("<!DOCTYPE html><html>"), TableError::WebPage.to_string());
    assert_eq!(told(""), TableError::NoRows.to_string());
    assert_eq!(told("[]"), TableError::NoRows.to_string());
    assert_eq!(told("indicateur;edition;valeur\n"), TableError::NoRows.to_string());
    assert_eq!(read(b"PK\x03\x04".to_vec(), &Wanted::Usual).unwrap_err(), TableError::Workbook.into());
    for text in ["{}", "[1]", "[{\"indicator\": ", "[{}]x", "[[]]"] {
        assert!(matches!(csv(text).unwrap_err().told[..], [TableError::NotJson { .. }]), "{text}");
    }
    let strange = r#"[{"indicateur": {"fr": "A"}, "edition": true, "valeur": [1], "unite": 3}]"#;
    assert_snapshot!(told(strange), @r#"
    record 1, column “indicateur”: “{"fr": "A"}” is no text and no number: write one value a cell
    record 1, column “edition”: “true” is no text and no number: write one value a cell
    record 1, column “valeur”: “[1]” is no text and no number: write one value a cell
    record 1, column “unite”: “3” is no unit: write percent, count or euro
    "#);
}

#[test]
fn a_table_without_end_is_refused_in_little_memory() {
    let many = format!("[{}{{}}]", "{},".repeat(ROWS_MAX));
    assert_eq!(csv(&many).unwrap_err(), TableError::TooManyRows.into());
    let wide: Vec<String> = (0..=COLUMNS_MAX).map(|number| format!("\"c{number}\":1")).collect();
    assert_eq!(csv(&format!("[{{{}}}]", wide.join(","))).unwrap_err(), TableError::TooManyColumns.into());
    let rows = "A;2016;1 %\n".repeat(ROWS_MAX + 1);
    assert_eq!(csv(&format!("indicateur;edition;valeur\n{rows}")).unwrap_err(), TableError::TooManyRows.into());
    let wrong = "A;2016;x\n".repeat(PROBLEMS_MAX + 7);
    let errors = csv(&format!("indicateur;edition;valeur\n{wrong}")).unwrap_err();
    assert_eq!((errors.told.len(), errors.more), (PROBLEMS_MAX, 7));
    let huge = vec![b'a'; BYTES_MAX + 1];
    assert_eq!(read(huge, &Wanted::Usual).unwrap_err(), TableError::TooLarge.into());
}

#[test]
fn a_row_said_twice_is_one() {
    let table = csv("indicateur;edition;valeur\nA;2016;1 %\nA;2016;1,0 %\n").unwrap();
    assert_eq!((table.figures.len(), table.repeated), (1, 1));
}

/// Tables as they are met, good and bad: what is made of each.
#[test]
fn the_corpus_is_read_or_refused() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/tables");
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let outcome = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        match read(std::fs::read(path).unwrap(), &Wanted::Usual) {
            Ok(table) => format!("{name}: {} figures", table.figures.len()),
            Err(errors) => format!("{name}: {}", errors.to_string().lines().next().unwrap_or_default()),
        }
    };
    assert_snapshot!(files.iter().map(outcome).collect::<Vec<_>>().join("\n"), @r#"
    barometre.csv: 22 figures
    bom-comma.csv: 1 figures
    contradiction.csv: line 3, column “valeur”: “52 %” is another value than line 2 gives the same indicator, edition and stratum: keep one of the two
    cut.json: this is no JSON table, which is an array of objects: invalid number at line 1 column 48
    exponent.json: 1 figures
    nested.json: record 1, column “indicateur”: “{"fr":"A"}” is no text and no number: write one value a cell
    records.json: record 1, column “valeur”: “80.1” has no unit: write % behind the value, or add a column unit with percent, count or euro
    sep-line.csv: 1 figures
    text-where-a-number-was.csv: line 2, column “valeur”: “environ 2/3” is no number: write it in digits, such as 66,7 or 1 234, or leave the row out
    unclosed-quote.csv: the table cannot be read: the quotation mark that opens a cell on line 2 is never closed: close it, or double it if it belongs to the text
    utf-16.csv: 1 figures
    web-page.html: this is a web page, not a table: give the address of the file itself
    windows-1252.csv: 2 figures
    "#);
}

fn figure() -> impl Strategy<Value = Figure> {
    let word = "[a-zé][a-zé ;,\"']{0,20}[a-zé]";
    (word, 2000..2030_u32, proptest::option::of(word), 0..=10_000_i64, 0..3_u8, proptest::option::of(0..1_000_000_u64))
        .prop_map(|(indicator, edition, stratum, digits, unit, base)| {
            let single = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
            Figure {
                indicator: single(indicator),
                edition: edition.to_string(),
                stratum: single(stratum.unwrap_or_default()),
                value: Decimal::new(digits, 2).normalize(),
                unit: [Unit::Percent, Unit::Count, Unit::Euro][usize::from(unit)],
                base,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever the form, what comes out is what went in.
    #[test]
    fn figures_come_back_from_csv_and_json(mut figures in proptest::collection::vec(figure(), 1..20)) {
        figures.sort_by(|one, other| {
            (&one.indicator, &one.edition, &one.stratum).cmp(&(&other.indicator, &other.edition, &other.stratum))
        });
        figures.dedup_by(|one, other| {
            (&one.indicator, &one.edition, &one.stratum) == (&other.indicator, &other.edition, &other.stratum)
        });
        // These mean everybody.
        for figure in &mut figures {
            if ["ensemble", "total", "tous", "all"].contains(&figure.stratum.as_str()) {
                figure.stratum.push('x');
            }
        }
        let mut writer = ::csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
        writer.write_record(["indicateur", "édition", "strate", "valeur", "base", "unité"]).unwrap();
        let mut objects = Vec::new();
        for figure in &figures {
            let base = figure.base.map(|base| base.to_string()).unwrap_or_default();
            // Four decimals: three could be a thousand.
            let value = format!("{:.4}", figure.value).replace('.', ",");
            writer.write_record([
                &figure.indicator, &figure.edition, &figure.stratum, &value, &base, figure.unit.as_str(),
            ]).unwrap();
            objects.push(serde_json::json!({
                "indicator": figure.indicator, "edition": figure.edition, "stratum": figure.stratum,
                "value": figure.value.to_string(), "base": figure.base, "unit": figure.unit.as_str(),
            }));
        }
        let written = read(writer.into_inner().unwrap(), &Wanted::Usual).unwrap();
        prop_assert_eq!(&written.figures, &figures);
        let json = serde_json::to_vec(&objects).unwrap();
        prop_assert_eq!(read(json, &Wanted::Usual).unwrap().figures, figures);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(bytes, &Wanted::Usual);
    }

    #[test]
    fn no_cells_are_too_strange(text in "indicateur;edition;valeur\n([a-z0-9;,%\"\n\u{202f}-]{0,60})") {
        let _ = csv(&text);
    }
}

#[test]
fn names_of_columns_hold_no_signs_that_the_database_refuses() {
    let json = br#"[{"\u0000indicateur": "A", "edition\u0001": 2016, "valeur": "1 %", "autre\u0000\u009fnom": 1}]"#;
    let table = read(json.to_vec(), &Wanted::Usual).unwrap();
    assert_eq!(table.columns, ["indicateur", "edition", "valeur", "autre  nom"]);
    // The reader of CSV refuses most of them itself.
    if let Ok(table) = csv("indicateur;edition;valeur;\"autre\nnom\"\nA;2016;1 %;\n") {
        assert!(table.columns.iter().all(|name| !name.contains(char::is_control)), "{:?}", table.columns);
    }
}

#[test]
fn an_error_names_some_columns_and_shortens_them() {
    let long = |number: usize| format!("{number}{}", "é".repeat(1000));
    let members: Vec<String> = (0..400).map(|number| format!("\"{}\": 1", long(number))).collect();
    let json = format!("[{{{}}}]", members.join(","));
    let errors = read(json.into_bytes(), &Wanted::Usual).unwrap_err();
    assert_eq!(errors.told.len(), 3);
    for error in &errors.told {
        let TableError::MissingColumn { there, .. } = error else { panic!("{error}") };
        assert_eq!(there.len(), 30);
        assert!(there.iter().all(|name| name.chars().count() <= 60), "{there:?}");
    }
}
