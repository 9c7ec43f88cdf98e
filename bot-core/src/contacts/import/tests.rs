//! An organiser with files: what comes in, what is told, and that the same file twice changes nothing.

use std::io::Cursor;

use chrono::{TimeZone, Utc};
use proptest::prelude::*;

use super::*;
use crate::conformance::TestDatabase;
use crate::contacts::view::ContactSet;
use crate::locale::Locale;
use crate::plugin::OrganisationView;

/// A database with one organisation and somebody who imports.
struct Desk {
    database: TestDatabase,
    clock: Clock,
    random: Random,
    organisation: Organisation,
}

impl Desk {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let clock = Clock::manual(Utc.with_ymd_and_hms(2026, 9, 1, 8, 0, 0).unwrap());
        let account = database.account("scripted", &clock).await;
        let view = OrganisationView {
            id: account.organisation,
            title: "Ville de Trifouilly".to_owned(),
            time_zone: chrono_tz::Europe::Paris,
            default_locale: Locale::Fr,
            sending_rule: Default::default(),
        };
        let organisation = Organisation::new(view, "town".to_owned(), [7; 32]);
        Self { database, clock, random: Random::seeded(1), organisation }
    }

    fn importer(&self) -> Importer<'_> {
        Importer {
            pool: self.database.pool(),
            clock: &self.clock,
            random: &self.random,
            organisation: &self.organisation,
            actor: "operator",
        }
    }

    async fn import_as(&self, file: impl AsRef<[u8]>, order: &ImportOrder) -> Result<ImportReport, ImportError> {
        let table = Spreadsheet::read(Cursor::new(file.as_ref().to_vec()), None).unwrap();
        self.importer().import(table, order, |_| {}).await
    }

    async fn import(&self, file: impl AsRef<[u8]>) -> ImportReport {
        self.import_as(file, &ImportOrder::default()).await.unwrap()
    }

    /// Works at the desk in a transaction that is kept when it succeeds.
    async fn at_desk<T>(
        &self,
        work: impl AsyncFnOnce(&mut Directory<'_>) -> Result<T, DirectoryError>,
    ) -> Result<T, DirectoryError> {
        let mut transaction = self.database.pool().begin().await?;
        let organisation = self.organisation.view.id;
        let mut directory = Directory { sql: &mut transaction, organisation, now: self.clock.now(), actor: "operator" };
        let done = work(&mut directory).await?;
        transaction.commit().await?;
        Ok(done)
    }

    /// All contacts as the export has them, without the mark.
    async fn exported(&self) -> String {
        let mut file = Vec::new();
        self.at_desk(async |desk| desk.export_csv(&ContactSet::Everyone, &mut file).await).await.unwrap();
        String::from_utf8(file).unwrap().trim_start_matches('\u{feff}').replace("\r\n", "\n")
    }

    async fn sql(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(self.database.pool()).await.unwrap();
    }
}

/// The counts of a report, then what it tells.
fn told(report: &ImportReport) -> String {
    let ImportReport { rows, created, updated, unchanged, rejected, forgotten, merged, .. } = report;
    assert_eq!(*rows, created + updated + unchanged + rejected + forgotten + merged);
    let mut lines = vec![format!("{created} new, {updated} changed, {unchanged} as before, {rejected} rejected")];
    if forgotten + merged > 0 {
        lines.push(format!("{forgotten} forgotten, {merged} merged"));
    }
    for reject in &report.rejects {
        let column = reject.column.as_ref().map(|column| format!(" [{column}]")).unwrap_or_default();
        lines.push(format!("line {}{column}: {}", reject.line, reject.reason));
    }
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(report.stopped.iter().map(|why| format!("stopped: {why}")));
    lines.join("\n")
}

const MAIRIES: &str = "\
Identifiant;Prénom;Nom;Collectivité;Type;Code INSEE;SIREN;Population;Langue;Groupes
m-1;Ève;Œuillet;Nantes;commune;44109;214401093;325 070;français;pilotes, ouest
m-2;Bo;Adjoint;Nantes;commune;44109;;;;
m-3;;Cléo;Ambérieu-en-Bugey;mairie;1004;;14203;en;
m-4;;Région;Bretagne;région;53;233500016;;;ouest
m-5;;Seul;;;;;;;
";

#[tokio::test]
async fn a_file_is_taken_and_the_same_file_again_changes_nothing() {
    let desk = Desk::new().await;
    let first = desk.import(MAIRIES).await;
    insta::assert_snapshot!(told(&first), @r"
    5 new, 0 changed, 0 as before, 0 rejected
    note: line 4: code INSEE `1004` is read as 01004: a spreadsheet drops a first 0
    ");
    assert_eq!((first.collectivites_created, first.collectivites_updated), (3, 0));
    let exported = desk.exported().await;
    insta::assert_snapshot!(exported, @r#"
    identifiant;nom;collectivité;type;code insee;siren;population;département;région;rang;langue;fuseau;groupes
    m-1;Ève Œuillet;Nantes;commune;44109;214401093;325070;44;52;1;fr;;"ouest, pilotes"
    m-2;Bo Adjoint;Nantes;commune;44109;214401093;325070;44;52;2;;;
    m-3;Cléo;Ambérieu-en-Bugey;commune;01004;;14203;01;84;1;en;;
    m-4;Région;Bretagne;region;53;233500016;;;53;1;;;ouest
    m-5;Seul;;;;;;;;;;;
    "#);
    let again = desk.import(MAIRIES).await;
    insta::assert_snapshot!(told(&again), @r"
    0 new, 0 changed, 5 as before, 0 rejected
    note: line 4: code INSEE `1004` is read as 01004: a spreadsheet drops a first 0
    ");
    assert_eq!((again.collectivites_created, again.collectivites_updated), (0, 0));
    // What we export is what we import.
    assert_eq!(told(&desk.import(&exported).await), "0 new, 0 changed, 5 as before, 0 rejected");
    assert_eq!(desk.exported().await, exported);
}

#[tokio::test]
async fn windows_1252_xlsx_and_ods_are_the_same_table() {
    let desk = Desk::new().await;
    let windows: Vec<u8> = MAIRIES.replace('Œ', "O").chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert!(std::str::from_utf8(&windows).is_err());
    assert_eq!(desk.import(&windows).await.created, 5);
    assert!(desk.exported().await.contains("Ambérieu-en-Bugey"));
    let fixture = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("spreadsheets/fixtures").join(name);
        std::fs::read(path).unwrap()
    };
    let order = ImportOrder {
        mappings: vec!["Note=field:note".parse().unwrap(), "Depuis=field:depuis".parse().unwrap()],
        new_fields: true,
        ..ImportOrder::default()
    };
    let desk = Desk::new().await;
    let report = desk.import_as(fixture("mairies.xlsx"), &order).await.unwrap();
    insta::assert_snapshot!(told(&report), @r"
    2 new, 0 changed, 0 as before, 1 rejected
    line 5 [Note]: the formula gives #N/A: correct it, or replace it by its value
    ");
    assert_eq!(report.fields_declared, ["depuis", "note"]);
    let report = desk.import_as(fixture("mairies.ods"), &order).await.unwrap();
    assert_eq!((report.unchanged, report.rejected), (2, 1));
    assert!(
        desk.exported()
            .await
            .contains("m-1;Ana Bourg;Ambérieu-en-Bugey;commune;01004;;14203;01;84;1;;;;01/09/2026;\"1,5\"")
    );
}

#[tokio::test]
async fn what_is_wrong_is_told_by_line_and_column_and_the_rest_is_taken() {
    let desk = Desk::new().await;
    let file = "\
id;nom;collectivité;type;code insee;siren;rang;langue;fuseau;groupes
1;Ana;Nantes;commune;44109;214401093;1;;;
;Sans;;;;;;;;
1;Double;;;;;;;;
3;Bo;Nantes;commune;44109;214401094;;;;
4;Cléo;Paris;commune;75056;214401093;;;;
5;Dan;;;;;2;;;
6;Ève;Saint-Denis;commune;;;;;;
7;Fay;Club;autre;;;100;;;
8;Gus;;;;;;breton;;
9;Hal;;;;;;;Paris;
10;Ida;;;;;;;;Élus 2026
11;Jo;Nantes métropole;epci;;214401093;;;;
12;Kim;;;49007;;;;;
13;Lou;a;b;c;d;e;f;g;h;i
14;Max
15;Nil;CC du Val;epci;;;;;;
16;Oh;cc du val;EPCI;;;;;;
";
    insta::assert_snapshot!(told(&desk.import(file).await), @r"
    4 new, 0 changed, 0 as before, 13 rejected
    line 3 [id]: the identifier is missing: without it the contact is not known again
    line 4: the identifier is already on line 2: remove one of the rows
    line 5 [siren]: `214401094` is no SIREN: its last digit does not fit the others, so one of them is wrong
    line 6: the SIREN is that of Nantes, which has another INSEE code than the row: correct one
    line 7: a rank is one within a collectivité, and the row names none: say which it is
    line 8: a name alone does not say which commune this is: give its INSEE code or its SIREN
    line 9 [rang]: this is no rank: write 1 for the first contact, 2 for the deputy, up to 99
    line 10 [langue]: crieur does not speak this language: write fr or en
    line 11 [fuseau]: this is no time zone: write its IANA name, such as Europe/Paris or Indian/Reunion
    line 12 [groupes]: `Élus 2026` is no name: use at most 40 of a-z, 0-9 and `-`, beginning with a letter or digit, such as pilotes-2026
    line 13: the SIREN is that of Nantes (commune), and the row says epci: correct the SIREN or the type
    line 14: this collectivité is new: say its name in a column “collectivité”
    line 15: 11 cells where the header names 10: is a separator part of a text? Put such a text between quotation marks
    note: line 16: has 8 cells less than the header; they count as empty. If the file was cut, export it again
    ");
}

#[tokio::test]
async fn an_empty_cell_leaves_and_a_dash_takes_away() {
    let desk = Desk::new().await;
    desk.at_desk(async |desk| desk.declare_field(&"email".parse().unwrap(), "Courriel", FieldKind::Text).await)
        .await
        .unwrap();
    desk.import("id;nom;collectivité;code insee;courriel\n1;Ana;Nantes;44109;a@example.org\n").await;
    assert_eq!(told(&desk.import("id;nom;courriel\n1;;\n").await), "0 new, 0 changed, 1 as before, 0 rejected");
    assert!(desk.exported().await.contains("1;Ana;Nantes;commune;44109;;;44;52;1;;;;a@example.org"));
    assert_eq!(desk.import("id;nom;collectivité;courriel\n1;-;-;-\n").await.updated, 1);
    assert!(desk.exported().await.ends_with("\n1;;;;;;;;;;;;;\n") || !desk.exported().await.contains("Ana"));
    let history = desk.at_desk(async |desk| Ok(desk.show("1").await?.history)).await.unwrap();
    let said: Vec<String> =
        history.iter().map(|entry| format!("{} {}", entry.action, entry.details["fields"])).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    imported ["name","collectivite","rank","field.email"]
    changed ["name","collectivite","rank","field.email"]
    "#);
}

#[tokio::test]
async fn rows_that_contradict_each_other_about_a_collectivite_are_told_and_the_first_counts() {
    let desk = Desk::new().await;
    let file = "id;collectivité;code insee;population\n1;Nantes;44109;325070\n2;NANTES;44109;1\n";
    insta::assert_snapshot!(told(&desk.import(file).await), @r"
    2 new, 0 changed, 0 as before, 0 rejected
    note: line 3: says otherwise of Nantes's population than line 2, which counts: correct one of them
    ");
    let later = desk.import("id;code insee;population\n1;44109;330000\n").await;
    assert_eq!((later.unchanged, later.collectivites_updated), (1, 1));
    assert!(desk.exported().await.contains("Nantes;commune;44109;;330000"));
}

#[tokio::test]
async fn a_trial_tells_the_same_and_keeps_nothing() {
    let desk = Desk::new().await;
    let trial = ImportOrder { dry_run: true, group: Some("baromètre".to_owned()), ..ImportOrder::default() };
    assert!(desk.import_as(MAIRIES, &trial).await.unwrap_err().to_string().contains("is no name"));
    let trial = ImportOrder { dry_run: true, group: Some("barometre".to_owned()), ..ImportOrder::default() };
    assert_eq!(desk.import_as(MAIRIES, &trial).await.unwrap().created, 5);
    assert_eq!(desk.exported().await.lines().count(), 1);
    assert!(desk.at_desk(async |desk| desk.groups().await).await.unwrap().is_empty());
    let real = ImportOrder { dry_run: false, ..trial.clone() };
    assert_eq!(desk.import_as(MAIRIES, &real).await.unwrap().created, 5);
    let changed = MAIRIES.replace("Bo;Adjoint", "Bo;Maire");
    assert_eq!(
        told(&desk.import_as(&changed, &trial).await.unwrap()).lines().next(),
        Some("0 new, 1 changed, 4 as before, 0 rejected")
    );
    assert!(desk.exported().await.contains("Bo Adjoint"));
    let groups = desk.at_desk(async |desk| desk.groups().await).await.unwrap();
    let sizes: Vec<String> = groups.iter().map(|group| format!("{} {}", group.name, group.contacts)).collect();
    assert_eq!(sizes, ["barometre 5", "ouest 2", "pilotes 1"]);
}

#[tokio::test]
async fn columns_that_are_not_clear_are_refused_before_anything_is_done() {
    let desk = Desk::new().await;
    let error = desk.import_as("id;Courriel\n1;x\n", &ImportOrder::default()).await.unwrap_err();
    assert!(error.to_string().starts_with("column “Courriel” is unknown: ignore it with --map"));
    assert_eq!(desk.exported().await.lines().count(), 1);
    let order = ImportOrder { new_fields: true, ..ImportOrder::default() };
    assert_eq!(desk.import_as("id;Courriel\n1;x\n", &order).await.unwrap().fields_declared, ["courriel"]);
    assert!(desk.exported().await.contains(";Courriel\n1;"));
}

#[tokio::test]
async fn a_file_that_breaks_in_the_middle_is_taken_until_there_and_finished_later() {
    let desk = Desk::new().await;
    let mut file = "id;nom\n".to_owned();
    (0..1500).for_each(|number| file.push_str(&format!("{number};Contact {number}\n")));
    let broken = format!("{file}1500;\"Ana\n1501;Bo\n");
    let report = desk.import(&broken).await;
    assert_eq!((report.created, report.rejected), (1500, 0));
    assert!(report.stopped.unwrap().contains("line 1502 is never closed"));
    let whole = format!("{file}1500;Ana\n1501;Bo\n");
    assert_eq!(told(&desk.import(&whole).await), "2 new, 0 changed, 1500 as before, 0 rejected");
}

/// The trigger stands in for a process that dies with its second batch.
#[tokio::test]
async fn what_dies_in_the_middle_loses_nothing_and_is_finished_by_starting_again() {
    let desk = Desk::new().await;
    let mut file = "id;nom\n".to_owned();
    (0..2500).for_each(|number| file.push_str(&format!("{number};Contact {number}\n")));
    desk.sql(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'gone'; END $$;
         CREATE TRIGGER die BEFORE INSERT ON core.contact FOR EACH ROW WHEN (NEW.external_id = '1700') EXECUTE FUNCTION die()",
    )
    .await;
    let error = desk.import_as(&file, &ImportOrder::default()).await.unwrap_err();
    assert!(error.to_string().contains("run the import again to finish"));
    assert_eq!(desk.exported().await.lines().count(), 1001);
    desk.sql("DROP TRIGGER die ON core.contact").await;
    assert_eq!(told(&desk.import(&file).await), "1500 new, 0 changed, 1000 as before, 0 rejected");
}

#[tokio::test]
async fn who_stopped_stays_stopped_and_who_erased_themselves_stays_forgotten() {
    let desk = Desk::new().await;
    desk.import(MAIRIES).await;
    desk.sql("UPDATE core.contact SET status = 'stopped' WHERE external_id = 'm-1'").await;
    desk.sql("DELETE FROM core.contact WHERE external_id = 'm-2'").await;
    let digest = desk.organisation.external_digest("m-2");
    sqlx::query!(
        "INSERT INTO core.contact_forgotten VALUES ($1, $2, $3)",
        desk.organisation.view.id.0,
        digest.as_slice(),
        desk.clock.now()
    )
    .execute(desk.database.pool())
    .await
    .unwrap();
    let changed = MAIRIES.replace("Ève", "Éva");
    assert!(told(&desk.import(&changed).await).starts_with("0 new, 1 changed, 3 as before, 0 rejected\n1 forgotten"));
    let shown = desk.at_desk(async |desk| desk.show("m-1").await).await.unwrap();
    assert!(shown.contact.stopped);
    assert_eq!(shown.contact.name.as_deref(), Some("Éva Œuillet"));
    assert!(desk.at_desk(async |desk| desk.show("m-2").await).await.is_err());
}

#[tokio::test]
async fn a_segment_counts_who_is_meant_and_knows_its_fields() {
    let desk = Desk::new().await;
    desk.import(MAIRIES).await;
    let count = desk
        .at_desk(async |desk| {
            desk.save_segment("grandes-villes", "type = ville et population >= 100000").await?;
            desk.try_segment("grandes-villes").await
        })
        .await
        .unwrap();
    insta::assert_snapshot!(serde_json::to_string(&count).unwrap(), @r#"{"query":"type = commune and population >= 100000","contacts":2,"collectivites":1,"reachable":0,"unbound":2,"stopped":0}"#);
    let refused = |query: &'static str| {
        let desk = &desk;
        async move { desk.at_desk(async |desk| desk.try_segment(query).await).await.unwrap_err().to_string() }
    };
    assert!(refused("field.email != \"\"").await.contains("there is no field `email` (none is declared yet)"));
    assert!(refused("type = ").await.contains("column 8: the query ends here"));
    assert!(refused("nulle-part").await.contains("there is no segment `nulle-part`"));
    let mut names = Vec::new();
    desk.at_desk(async |at| {
        let set = ContactSet::Segment("grandes-villes".to_owned());
        Ok(crate::contacts::each(at.sql, at.organisation, &set, |contact| names.extend(contact.name)).await?)
    })
    .await
    .unwrap();
    assert_eq!(names, ["Ève Œuillet", "Bo Adjoint"]);
}

#[tokio::test]
async fn contacts_are_searched_grouped_and_deleted() {
    let desk = Desk::new().await;
    desk.import(MAIRIES).await;
    let (found, all) =
        desk.at_desk(async |desk| desk.search(&ContactSet::Everyone, "nantes oeuillet", 10).await).await.unwrap();
    assert_eq!((found[0].external_id.as_deref(), all), (Some("m-1"), 1));
    let handles = ["m-1".to_owned(), format!("#{}", found[0].number), "m-3".to_owned()];
    let added = desk.at_desk(async |desk| desk.add_to_group("pilotes", &handles).await).await.unwrap();
    assert_eq!(added, 1);
    assert!(desk.at_desk(async |desk| desk.add_to_group("pilote", &handles).await).await.is_err());
    assert_eq!(desk.at_desk(async |desk| desk.remove_from_group("pilotes", &handles).await).await.unwrap(), 2);
    desk.at_desk(async |desk| desk.delete("m-3").await).await.unwrap();
    assert!(!desk.exported().await.contains("m-3"));
    let audit = sqlx::query_scalar!("SELECT action FROM core.audit ORDER BY id").fetch_all(desk.database.pool()).await;
    assert_eq!(
        audit.unwrap(),
        [
            "contacts.import_begun",
            "group.created",
            "group.created",
            "contacts.imported",
            "group.extended",
            "group.reduced",
            "contact.deleted"
        ]
    );
}

#[tokio::test]
async fn a_declared_field_keeps_its_type() {
    let desk = Desk::new().await;
    let declare = async |kind: FieldKind| {
        desk.at_desk(async |desk| desk.declare_field(&"role".parse().unwrap(), "Rôle", kind).await).await
    };
    let choice = |choices: &[&str]| FieldKind::Choice(choices.iter().map(|choice| (*choice).to_owned()).collect());
    declare(choice(&["élu", "agent"])).await.unwrap();
    assert!(declare(FieldKind::Text).await.unwrap_err().to_string().contains("declared as choice"));
    assert!(
        declare(choice(&["élu", "autre"])).await.unwrap_err().to_string().contains("`agent` may be chosen already")
    );
    declare(choice(&["élu", "agent", "autre"])).await.unwrap();
    let report = desk.import("id;rôle\n1;ELU\n2;maire\n").await;
    insta::assert_snapshot!(told(&report), @r"
    1 new, 0 changed, 0 as before, 1 rejected
    line 3 [rôle]: this is none of the choices: write élu, agent, autre
    ");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]
    /// Whatever a file holds: counts add up, and the second time nothing is new or changed.
    #[test]
    fn any_file_twice_is_the_same_as_once(
        rows in proptest::collection::vec(
            ("[1-4]?", "(Ana|Bo|-|)", "(44109|1004|75056|x|)", "(Nantes|Lyon|-|)", "(1|2|0|)", "(a|b, c|É|)"), 0..12
        )
    ) {
        let mut file = "id;nom;insee;collectivité;rang;groupes\n".to_owned();
        for (id, name, insee, body, rank, groups) in rows {
            file.push_str(&format!("{id};{name};{insee};{body};{rank};{groups}\n"));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let desk = Desk::new().await;
            let first = desk.import(&file).await;
            told(&first);
            let exported = desk.exported().await;
            let second = desk.import(&file).await;
            told(&second);
            assert_eq!((second.created, second.updated), (0, 0), "{file}");
            assert_eq!((second.unchanged, second.rejected), (first.created, first.rejected), "{file}");
            assert_eq!(desk.exported().await, exported);
        });
    }
}
