use std::collections::BTreeMap;

use bot_core::Locale;
use bot_core::fetch::{FetchSettings, perform};
use fake_opendatasoft::{Change, Dataset, FakeOpendatasoft, Portal};
use serde_json::{Value, json};

use super::*;
use crate::barometer::tests::{Desk, barometre};

/// A barometer, the portal it reads, and the core between them.
struct Reading {
    desk: Desk,
    fake: FakeOpendatasoft,
    source: Source,
    memory: Value,
    requests: usize,
}

fn columns() -> Columns {
    let some = |name: &str| Some(name.to_owned());
    Columns {
        indicator: "indicateur".to_owned(),
        edition: "annee".to_owned(),
        stratum: some("group"),
        value: "taux".to_owned(),
        base: some("repondants"),
        unit: some("percent"),
    }
}

fn record(number: u64) -> [Value; 5] {
    let base = if number.is_multiple_of(2) { json!(98) } else { Value::Null };
    [json!(format!("Indicateur {number:04}")), json!("2016"), json!("régions"), json!(80.1), base]
}

fn dataset(records: u64) -> Dataset {
    let fields =
        [("indicateur", "text"), ("annee", "text"), ("group", "text"), ("taux", "double"), ("repondants", "int")];
    let mut dataset = Dataset::of(&fields);
    for number in (0..records).rev() {
        dataset.push(&record(number));
    }
    dataset
}

impl Reading {
    async fn of(seed: u64, records: u64) -> Self {
        let mut portal = Portal { call_limit: 10_000, ..Portal::default() };
        portal.datasets.insert("barometre-2016".to_owned(), dataset(records));
        let fake = FakeOpendatasoft::start(portal).await.unwrap();
        let kind = SourceKind::Opendatasoft {
            dataset: barometre(),
            dataset_id: "barometre-2016".to_owned(),
            filter: String::new(),
            columns: columns(),
        };
        let source = Source {
            key: "portail".parse().unwrap(),
            name: "Portail".to_owned(),
            url: format!("{}/", fake.url()),
            topics: Vec::new(),
            every_minutes: 60,
            kind,
        };
        Self { desk: Desk::new(seed).await, fake, source, memory: json!({}), requests: 0 }
    }

    fn filter(&mut self, words: &str) {
        if let SourceKind::Opendatasoft { filter, .. } = &mut self.source.kind {
            *filter = words.to_owned();
        }
    }

    /// Asks once, by the core's own runner.
    async fn ask(&mut self) -> Result<Step, RemoteError> {
        let settings =
            FetchSettings { allow: vec![self.fake.address().to_string().parse().unwrap()], ..FetchSettings::default() };
        self.requests += 1;
        let response = perform(&request(&self.source, &self.memory), &settings).await.unwrap();
        self.hear(&response).await
    }

    async fn hear(&mut self, response: &FetchResponse) -> Result<Step, RemoteError> {
        let (source, memory) = (self.source.clone(), self.memory.clone());
        let heard = self.desk.does(async |cx| Ok(received(cx, &source, &memory, response).await)).await.0;
        if let Ok(Step::Done { memory } | Step::More { memory }) = &heard {
            self.memory = memory.clone();
        }
        heard
    }

    /// A whole turn of the source.
    async fn turn(&mut self) -> Result<(), Trouble> {
        self.requests = 0;
        loop {
            match self.ask().await {
                Ok(Step::More { .. }) => assert!(self.requests < 100, "it goes round and round"),
                Ok(Step::Done { .. }) => return Ok(()),
                Err(RemoteError::Trouble(trouble)) => return Err(trouble),
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Dataset)) {
        change(self.fake.portal().datasets.get_mut("barometre-2016").unwrap());
    }

    /// Versions, and rows of the latest.
    async fn standing(&self) -> (usize, u32) {
        let mut sql = self.desk.bench.pool.acquire().await.unwrap();
        let versions = store::versions(&mut sql, self.desk.organisation(), None).await.unwrap();
        (versions.len(), versions.first().map_or(0, |version| version.rows))
    }
}

fn answer(status: u16, body: &str) -> FetchResponse {
    FetchResponse { status, headers: BTreeMap::new(), body: body.as_bytes().to_vec() }
}

#[tokio::test]
async fn a_dataset_is_read_page_by_page() {
    let mut reading = Reading::of(21, 250).await;
    reading.turn().await.unwrap();
    // The fields, and three pages.
    assert_eq!((reading.requests, reading.standing().await), (4, (1, 250)));
    let calls = reading.fake.portal().calls.clone();
    assert_eq!(calls[0], "barometre-2016?");
    assert_eq!(
        calls[3],
        "barometre-2016/records?select=%60indicateur%60%2C%60annee%60%2C%60group%60%2C%60taux%60%2C%60repondants%60\
         &order_by=%60indicateur%60%2C%60annee%60%2C%60group%60&limit=100&offset=200"
    );
    let mut sql = reading.desk.bench.pool.acquire().await.unwrap();
    let rows = store::rows(&mut sql, reading.desk.organisation(), &barometre(), 1).await.unwrap();
    assert_eq!((rows[0].indicator.as_str(), rows[0].point.value.to_string()), ("Indicateur 0000", "80.1".to_owned()));
    assert_eq!((rows[0].point.base, rows[1].point.base), (Some(98), None));
    // Nothing of the round is left in the memory; the same again is no version.
    assert_eq!(reading.memory["round"], Value::Null);
    reading.turn().await.unwrap();
    assert_eq!(reading.standing().await, (1, 250));
    reading.filter("indicateur in ('Indicateur 0003', 'Indicateur 0004')");
    reading.turn().await.unwrap();
    assert_eq!((reading.requests, reading.standing().await), (2, (2, 2)));
}

#[tokio::test]
async fn many_records_come_as_one_export() {
    // More than can be paged through at all.
    let mut reading = Reading::of(22, 10_050).await;
    reading.turn().await.unwrap();
    assert_eq!((reading.requests, reading.standing().await), (3, (1, 10_050)));
    assert!(reading.fake.portal().calls[2].starts_with("barometre-2016/exports/json?select="));
}

#[tokio::test]
async fn a_dataset_that_changes_under_way_is_read_anew() {
    let mut reading = Reading::of(23, 250).await;
    let new: serde_json::Map<String, Value> = ["indicateur", "annee", "group", "taux", "repondants"]
        .map(str::to_owned)
        .into_iter()
        .zip(record(900))
        .collect();
    let added = Change::Add { dataset: "barometre-2016".to_owned(), record: new };
    reading.fake.portal().changes.insert(3, added.clone());
    reading.turn().await.unwrap();
    // The fields, a page, one that says another number, and three pages.
    assert_eq!((reading.requests, reading.standing().await), (6, (1, 251)));
    // Each time it is different: that is told, and what there was stays.
    let from = reading.fake.portal().calls.len();
    for call in 1..20 {
        let change = if call % 2 == 0 { added.clone() } else { Change::Drop { dataset: "barometre-2016".to_owned() } };
        reading.fake.portal().changes.insert(from + call, change);
    }
    assert_eq!(reading.turn().await, Err(Trouble::NeverTheSame));
    assert_eq!(reading.standing().await, (1, 251));
}

#[tokio::test]
async fn what_a_portal_refuses_is_told_and_loses_nothing() {
    let mut reading = Reading::of(24, 3).await;
    reading.turn().await.unwrap();
    let mut told = Vec::new();
    reading.filter("contains(indicateur, 'x')");
    told.push(reading.turn().await.unwrap_err());
    reading.filter("taille > 3");
    told.push(reading.turn().await.unwrap_err());
    reading.filter("annee = '1999'");
    told.push(reading.turn().await.unwrap_err());
    reading.filter("");
    reading.fake.portal().calls_left = Some(1);
    let quota = reading.turn().await.unwrap_err();
    assert_eq!(quota.ask_again_at(), Some("2026-10-06T00:00:00Z".parse().unwrap()));
    told.push(quota);
    reading.fake.portal().calls_left = None;
    reading.fake.portal().is_down = true;
    told.push(reading.turn().await.unwrap_err());
    reading.fake.portal().is_down = false;
    reading.change(|dataset| dataset.is_restricted = true);
    told.push(reading.turn().await.unwrap_err());
    reading.fake.portal().datasets.clear();
    reading.memory = json!({});
    told.push(reading.turn().await.unwrap_err());
    reading.memory = json!({ "columns": "not a list" });
    for body in ["<html>", "[]", "{}"] {
        let heard = reading.hear(&answer(200, body)).await;
        assert!(matches!(heard, Err(RemoteError::Trouble(Trouble::NotAnApi))), "{heard:?}");
    }
    insta::assert_snapshot!(
        told.iter().map(|trouble| trouble.words(Locale::Fr)).collect::<Vec<_>>().join("\n"), @r"
    le portail refuse la requête (ODSQLSyntaxError) : ODSQL syntax exception: unexpected ( at position 8 in contains(indicateur, 'x'). Clause(s) containing the error(s): where. Vérifiez filter et columns dans le fichier de la lettre
    le portail refuse la requête (ODSQLError) : ODSQL query is malformed: Unknown field: taille. Clause(s) containing the error(s): where. Vérifiez filter et columns dans le fichier de la lettre
    aucun enregistrement ne correspond : élargissez filter, ou vérifiez que le jeu de données n’est pas vide
    le quota d’appels du portail est épuisé jusqu’au mardi 6 octobre 2026 à 0 h (UTC) : demandez moins souvent (every_minutes)
    le serveur est en panne : rien à faire, il sera redemandé
    ce jeu de données n’est pas public : demandez au portail de l’ouvrir
    le portail ne connaît pas ce jeu de données : corrigez dataset_id, qui suit /datasets/ dans l’adresse de sa page
    ");
    // Each is kept as it is, and read back.
    for trouble in told {
        assert_eq!(serde_json::from_value::<Trouble>(serde_json::to_value(&trouble).unwrap()).unwrap(), trouble);
    }
    assert_eq!(reading.standing().await, (1, 3));
}

#[tokio::test]
async fn a_schema_that_drifts_is_told() {
    let mut reading = Reading::of(25, 3).await;
    reading.turn().await.unwrap();
    reading.change(|dataset| dataset.add_field("commentaire", "text"));
    reading.turn().await.unwrap();
    let appeared = Remark::ColumnAppeared { column: "commentaire".to_owned() };
    assert_eq!((reading.standing().await, remarks(&reading.memory)), ((1, 3), vec![appeared]));
    reading.change(|dataset| dataset.rename("taux", "taux_pct"));
    let trouble = reading.turn().await.unwrap_err();
    insta::assert_snapshot!(trouble.words(Locale::Fr), @"la colonne « taux » manque ; il y a « indicateur », « annee », « group », « taux_pct », « repondants », « commentaire » : renommez-la, ou nommez celle qui la remplace");
    insta::assert_snapshot!(trouble, @"the column “taux” is missing; there are “indicateur”, “annee”, “group”, “taux_pct”, “repondants”, “commentaire”: name it so, or name the column that holds it");
    assert_eq!(reading.standing().await, (1, 3));
    // A value that became a text, and everything else that is wrong.
    reading.change(|dataset| dataset.rename("taux_pct", "taux"));
    reading.change(|dataset| {
        for record in &mut dataset.records {
            record.insert("taux".to_owned(), json!("n.c."));
        }
    });
    insta::assert_snapshot!(reading.turn().await.unwrap_err().words(Locale::Fr), @"enregistrement 1, colonne « taux » : « n.c. » n’est pas un nombre : écrivez-le en chiffres, comme 66,7 ou 1 234, ou retirez la ligne ; enregistrement 2, colonne « taux » : « n.c. » n’est pas un nombre : écrivez-le en chiffres, comme 66,7 ou 1 234, ou retirez la ligne ; enregistrement 3, colonne « taux » : « n.c. » n’est pas un nombre : écrivez-le en chiffres, comme 66,7 ou 1 234, ou retirez la ligne");
    assert_eq!(reading.standing().await, (1, 3));
}

#[tokio::test]
async fn a_round_that_was_broken_off_is_begun_anew() {
    let mut reading = Reading::of(26, 250).await;
    for _ in 0..3 {
        assert!(matches!(reading.ask().await, Ok(Step::More { .. })));
    }
    assert_eq!(reading.memory["round"]["stage"]["offset"], 200);
    // Another filter, another round.
    let kept = reading.source.clone();
    reading.filter("annee = '2016'");
    assert!(request(&reading.source, &reading.memory).url.ends_with("/datasets/barometre-2016"));
    reading.source = kept;
    assert!(request(&reading.source, &reading.memory).url.ends_with("offset=200"));
    let now = reading.desk.bench.clock.now();
    reading.desk.bench.clock.set(now + TimeDelta::hours(2));
    assert!(matches!(reading.ask().await, Ok(Step::More { .. })));
    assert_eq!(reading.memory["round"], Value::Null);
    reading.turn().await.unwrap();
    assert_eq!((reading.requests, reading.standing().await), (4, (1, 250)));
}

#[tokio::test]
async fn a_table_behind_a_link_is_a_version() {
    let mut reading = Reading::of(27, 0).await;
    reading.source.kind = SourceKind::Table { dataset: barometre(), columns: columns() };
    let csv = "indicateur,annee,group,taux,repondants\nA,2016,,34,98\n";
    assert!(matches!(reading.hear(&answer(200, csv)).await, Ok(Step::Done { .. })));
    assert!(matches!(reading.hear(&answer(304, "")).await, Ok(Step::Done { .. })));
    let json = r#"[{"indicateur": "A", "annee": 2016, "group": null, "taux": 34.00, "repondants": 98}]"#;
    assert!(matches!(reading.hear(&answer(200, json)).await, Ok(Step::Done { .. })));
    assert_eq!(reading.standing().await, (1, 1));
    let mut troubles = Vec::new();
    for (status, body) in [
        (404, ""),
        (200, "<!DOCTYPE html>"),
        (200, ""),
        (200, "indicateur,annee,group,taux,repondants\nA,2016,,deux,98\n"),
    ] {
        match reading.hear(&answer(status, body)).await {
            Err(RemoteError::Trouble(trouble)) => troubles.push(trouble.words(Locale::Fr)),
            other => panic!("{other:?}"),
        }
    }
    insta::assert_snapshot!(troubles.join("\n"), @r"
    le serveur répond par le statut HTTP 404 : vérifiez l’adresse de la source
    c’est une page web et non un tableau : donnez l’adresse du fichier lui-même
    il n’y a aucune ligne : un tableau a une ligne par indicateur, édition et strate
    ligne 2, colonne « taux » : « deux » n’est pas un nombre : écrivez-le en chiffres, comme 66,7 ou 1 234, ou retirez la ligne
    ");
    assert_eq!(reading.standing().await, (1, 1));
}
