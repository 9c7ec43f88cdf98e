//! The fake speaks as the real one does, over the wire.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use fake_opendatasoft::{Dataset, FakeOpendatasoft, Portal};
use serde_json::{Value, json};

async fn start() -> FakeOpendatasoft {
    let mut dataset = Dataset::of(&[("nom", "text"), ("annee", "int"), ("taux", "double"), ("group", "text")]);
    for number in 0..250 {
        let rate = if number % 10 == 0 { Value::Null } else { json!(f64::from(number) / 4.0) };
        dataset.push(&[json!(format!("n{number:03}")), json!(2016 + number % 3), rate, json!("a")]);
    }
    let mut portal = Portal { call_limit: 10_000, ..Portal::default() };
    portal.datasets.insert("barometre".to_owned(), dataset);
    FakeOpendatasoft::start(portal).await.unwrap()
}

async fn get(fake: &FakeOpendatasoft, below: &str) -> (u16, Value) {
    let url = format!("{}/api/explore/v2.1/catalog/datasets/{below}", fake.url());
    let answer = reqwest::get(url).await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

#[tokio::test]
async fn records_are_paged_within_their_limits() {
    let fake = start().await;
    let (status, page) = get(&fake, "barometre/records").await;
    assert_eq!((status, page["total_count"].as_u64(), page["results"].as_array().unwrap().len()), (200, Some(250), 10));
    let (_, last) = get(&fake, "barometre/records?limit=100&offset=200&order_by=nom%20desc&select=nom").await;
    assert_eq!(last["results"].as_array().unwrap().len(), 50);
    assert_eq!(last["results"][0], json!({ "nom": "n049" }));
    let (status, refused) = get(&fake, "barometre/records?limit=101").await;
    let words = "Invalid value for limit API parameter: 101 was found but -1 <= limit <= 100 is expected.";
    assert_eq!((status, refused), (400, json!({ "error_code": "InvalidRESTParameterError", "message": words })));
    assert_eq!(get(&fake, "barometre/records?limit=100&offset=9900").await.0, 200);
    assert_eq!(get(&fake, "barometre/records?limit=100&offset=9901").await.0, 400);
    let (_, all) = get(&fake, "barometre/exports/json?select=nom,annee").await;
    assert_eq!(all.as_array().unwrap().len(), 250);
    assert_eq!(get(&fake, "barometre/exports/json?limit=3").await.1.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn queries_are_understood_or_refused() {
    let fake = start().await;
    let count = async |filter: &str| {
        let filter: String =
            reqwest::Url::parse_with_params("http://x", [("where", filter)]).unwrap().query().unwrap().into();
        get(&fake, &format!("barometre/records?limit=0&{filter}")).await
    };
    for (filter, expected) in [
        ("annee = 2016", 84),
        ("annee > 2016 and annee <= 2018", 166),
        ("taux is null", 25),
        ("taux is not null and not annee in (2016, 2017)", 75),
        ("nom = 'n001' or nom = \"n002\" and annee = 2016", 1),
        ("(nom = 'n001' or nom = \"n003\") and `group` = 'a'", 2),
        // A comparison with a null is false.
        ("taux >= 0", 225),
    ] {
        let (status, answer) = count(filter).await;
        assert_eq!((status, answer["total_count"].as_u64()), (200, Some(expected)), "{filter}: {answer}");
    }
    let (status, unknown) = count("taille > 3").await;
    let words = "ODSQL query is malformed: Unknown field: taille. Clause(s) containing the error(s): where.";
    assert_eq!((status, unknown), (400, json!({ "error_code": "ODSQLError", "message": words })));
    for wrong in ["annee ==2016", "contains(nom, 'x')", "group = 'a'", "annee = 'x", "annee in 2016", "annee = 2016)"] {
        let (status, answer) = count(wrong).await;
        assert_eq!((status, answer["error_code"].as_str()), (400, Some("ODSQLSyntaxError")), "{wrong}");
    }
    let (_, answer) = count("annee ==2016").await;
    let words = "ODSQL syntax exception: unexpected = at position 7 in annee ==2016. \
                 Clause(s) containing the error(s): where.";
    assert_eq!(answer["message"], words);
    assert_eq!(get(&fake, "barometre/records?rows=10").await.0, 400);
}

#[tokio::test]
async fn a_dataset_is_described_missed_closed_and_rationed() {
    let fake = start().await;
    let (_, described) = get(&fake, "barometre").await;
    assert_eq!(described["dataset_id"], "barometre");
    assert_eq!(described["fields"][1]["name"], "annee");
    assert_eq!(described["fields"][2]["type"], "double");
    let (status, missing) = get(&fake, "autre/records").await;
    assert_eq!((status, missing["error_code"].as_str()), (404, Some("NotFoundResource")));
    fake.portal().datasets.get_mut("barometre").unwrap().rename("taux", "taux_pct");
    assert_eq!(get(&fake, "barometre").await.1["fields"][2]["name"], "taux_pct");
    fake.portal().datasets.get_mut("barometre").unwrap().is_restricted = true;
    assert_eq!(get(&fake, "barometre").await.0, 401);
    fake.portal().calls_left = Some(0);
    let (status, quota) = get(&fake, "barometre").await;
    assert_eq!((status, quota["errorcode"].as_u64(), quota["call_limit"].as_u64()), (429, Some(10002), Some(10_000)));
    fake.portal().is_down = true;
    assert_eq!(get(&fake, "barometre").await.0, 503);
}
