use std::io::Cursor;
use std::sync::Arc;

use bot_core::calendar::sending::SendingRule;
use bot_core::clock::Random;
use bot_core::service::{OrganisationSettings, Parts, Service};

use super::*;
use crate::SurveyReminders;
use crate::answers::unmatched;
use crate::definition::Sources;
use crate::sources_bench::Town;

async fn service(town: &Town) -> Service {
    let parts = Parts {
        pool: town.bench.pool.clone(),
        clock: town.bench.clock.clone(),
        random: Random::seeded(1),
        public_url: None,
        organisation: OrganisationSettings {
            title: "Ville".to_owned(),
            default_locale: bot_core::Locale::Fr,
            time_zone: chrono_tz::Europe::Paris,
            sending_rule: SendingRule::default(),
        },
        plugins: vec![Arc::new(SurveyReminders::new().unwrap())],
    };
    Service::assemble(parts).await.unwrap()
}

async fn imports(
    service: &Service,
    file: &[u8],
    order: &CompletionsOrder,
) -> Result<CompletionsReport, CompletionsError> {
    let core = service.core();
    let bench = core.organisations().find(|organisation| organisation.name == "bench").unwrap();
    let table = Spreadsheet::read(Cursor::new(file.to_vec()), None).unwrap();
    import(core, bench, "barometre", table, order, |_| {}).await
}

const FILE: &str = "Code INSEE;Jeton;SIREN;Date de réponse\r\n\
    1004;;;05/10/2026 09:30\r\n\
    ;token-c2-1;;\r\n\
    ;token-c2-1;;\r\n\
    ;token-c1-1;224400028;05/10/2026 09:30\r\n\
    ;;200 052 264;hier\r\n\
    ;;;05/10/2026\r\n\
    ;token-c3-1;;N\r\n\
    ;personne;;05/10/2026 09:30\r\n";

#[tokio::test]
async fn a_file_of_completions_is_taken_and_again_without_harm() {
    let town = Town::new(31).await;
    let campaign = town.campaign("barometre", Sources::default()).await;
    let service = service(&town).await;
    // As a French spreadsheet writes it.
    let file: Vec<u8> = FILE.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let trial = CompletionsOrder { dry_run: true, ..CompletionsOrder::default() };
    let tried = imports(&service, &file, &trial).await.unwrap();
    assert_eq!(town.state_of(campaign, "c1").await, "silent");
    let done = imports(&service, &file, &CompletionsOrder::default()).await.unwrap();
    assert_eq!(tried, CompletionsReport { dry_run: true, ..done.clone() }, "a trial tells what will be");
    let counts = [done.matched, done.known, done.unmatched, done.not_answered, done.repeated, done.rejected];
    assert_eq!(counts, [2, 0, 2, 1, 1, 2]);
    assert_eq!((done.rows, done.begun), (counts.iter().sum(), 1));
    assert_eq!(
        (town.state_of(campaign, "c1").await, town.state_of(campaign, "c2").await),
        ("answered".into(), "started".into())
    );
    let lines: Vec<u64> = done.rejects.iter().map(|note| note.line).collect();
    assert_eq!((lines, done.rejects[0].column.as_deref()), (vec![6, 7], Some("Date de réponse")));
    assert_eq!(done.unmatched_rows.iter().map(|note| note.line).collect::<Vec<_>>(), [5, 9]);
    let (listed, _) = town.calls(async |cx| unmatched(cx, campaign).await).await;
    assert_eq!(listed.len(), 2);
    let again = imports(&service, &file, &CompletionsOrder::default()).await.unwrap();
    assert_eq!([again.matched, again.known, again.unmatched], [0, 4, 0]);
    let stopped =
        sqlx::query_scalar!("SELECT subject FROM core.stopped_subject").fetch_all(&town.bench.pool).await.unwrap();
    assert_eq!(stopped, ["c1"]);
}

#[tokio::test]
async fn a_file_leaves_no_token_of_an_erased_person() {
    let town = Town::new(34).await;
    let campaign = town.campaign("barometre", Sources::default()).await;
    let service = service(&town).await;
    let contact = bot_core::ContactId(uuid::Uuid::from_u128(9));
    sqlx::query!("UPDATE survey_reminders.participant SET contact_id = $1 WHERE token = 'token-c1-1'", contact.0)
        .execute(&town.bench.pool)
        .await
        .unwrap();
    let file = b"id;token;insee\n7;token-c1-1;01004\n8;token-c1-1;44\n";
    for matched in [1, 0] {
        let report = imports(&service, file, &CompletionsOrder::default()).await.unwrap();
        assert_eq!((report.matched, report.known), (matched, 2 - 2 * matched));
        town.calls(async |cx| crate::links::erased(cx, contact).await).await;
        let news = sqlx::query_scalar!(r#"SELECT news::text AS "news!" FROM survey_reminders.answer_news AS news"#);
        let news = news.fetch_all(&town.bench.pool).await.unwrap();
        assert_eq!(news.len(), 2);
        assert!(news.iter().all(|row| !row.contains("token-c1-1")), "{news:?}");
    }
    assert_eq!(town.state_of(campaign, "c1").await, "answered");
}

#[tokio::test]
async fn a_file_or_campaign_that_does_not_fit_changes_nothing() {
    let town = Town::new(32).await;
    let service = service(&town).await;
    let missing = imports(&service, FILE.as_bytes(), &CompletionsOrder::default()).await;
    assert!(matches!(missing, Err(CompletionsError::UnknownCampaign(slug)) if slug == "barometre"));
    town.campaign("barometre", Sources::default()).await;
    let nobody = imports(&service, b"Nom;Date\nAna;05/10/2026\n", &CompletionsOrder::default()).await;
    assert!(matches!(nobody, Err(CompletionsError::Columns(_))));
    let mappings = vec!["Nom=token".parse().unwrap()];
    let order = CompletionsOrder { mappings, dry_run: false };
    let report = imports(&service, b"Nom;Date\ntoken-c1-1;05/10/2026\n\"broken", &order).await.unwrap();
    assert_eq!(report.matched, 1);
    assert!(report.stopped.is_some_and(|why| why.contains("quotation mark")));
}

#[tokio::test]
async fn a_large_file_is_taken_in_portions() {
    let town = Town::new(33).await;
    let campaign = town.campaign("barometre", Sources::default()).await;
    let service = service(&town).await;
    let mut file = String::from("token;completed\n");
    for number in 0..650 {
        file.push_str(&format!("nobody-{number};Y\n"));
    }
    file.push_str("token-c1-1;Y\n");
    let report = imports(&service, file.as_bytes(), &CompletionsOrder::default()).await.unwrap();
    assert_eq!((report.rows, report.matched, report.unmatched), (651, 1, 650));
    assert_eq!(report.unmatched_rows.len(), SHOWN_MAX);
    assert_eq!(town.state_of(campaign, "c1").await, "answered");
}
