use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::definition::Sources;
use crate::sources_bench::{Town, stopped};

fn news(source: Source, reference: &str, completeness: Completeness, keys: Keys) -> News {
    let reference = reference.parse().unwrap();
    News { source, reference, completeness, who: Who::Keys(keys), answered_at: None }
}

#[tokio::test]
async fn an_answer_of_one_contact_stops_all_of_its_collectivite() {
    let town = Town::new(1).await;
    let campaign = town.campaign("barometre", Sources::default()).await;
    let complete = news(Source::Webhook, "1", Completeness::Complete, Keys::token("token-c1-2"));
    let (heard, effects) = town.calls(async |cx| heard(cx, campaign, complete.clone()).await).await;
    assert_eq!(heard, Heard::Matched(RespondentKey::Collectivite(1)));
    assert_eq!(stopped(&effects), ["c1"]);
    let standing = town.standing(campaign).await;
    assert_eq!(standing[0], ("c1".to_owned(), "answered".to_owned(), false, 0));
    assert_eq!(standing[1], ("c2".to_owned(), "silent".to_owned(), false, 3));
    let reasons = sqlx::query_scalar!(
        "SELECT DISTINCT reason::text FROM survey_reminders.planned_message WHERE state = 'suppressed'"
    );
    let reasons = reasons.fetch_all(&town.bench.pool).await.unwrap();
    assert_eq!(reasons, [Some(r#"{"code": "answered", "source": "webhook"}"#.to_owned())]);
    let (again, _) = town.calls(async |cx| super::heard(cx, campaign, complete.clone()).await).await;
    assert_eq!(again, Heard::Known);
    let after = sqlx::query_scalar!("SELECT after_step FROM survey_reminders.answer_news");
    assert_eq!(after.fetch_all(&town.bench.pool).await.unwrap(), ["invitation"]);
}

#[tokio::test]
async fn a_beginning_stops_nothing_and_a_declaration_is_marked_until_it_is_confirmed() {
    let town = Town::new(2).await;
    let campaign = town.campaign("barometre", Sources::default()).await;
    let hear = async |news: News| town.calls(async |cx| heard(cx, campaign, news).await).await.1;
    let partial = news(Source::LimeSurvey, "r1", Completeness::Partial, Keys::of(None, Some("1004"), None));
    assert!(stopped(&hear(partial).await).is_empty());
    assert_eq!(town.state_of(campaign, "c1").await, "started");
    assert_eq!(town.standing(campaign).await[0].3, 3);
    let mut declared = news(Source::Declared, "participant:1", Completeness::Complete, Keys::default());
    declared.who = Who::Respondent(RespondentKey::Collectivite(1));
    assert_eq!(stopped(&hear(declared).await), ["c1"]);
    assert_eq!(town.state_of(campaign, "c1").await, "answered, declared");
    hear(news(Source::LimeSurvey, "r1", Completeness::Complete, Keys::default())).await;
    assert_eq!(town.state_of(campaign, "c1").await, "answered");
}

#[tokio::test]
async fn what_matches_nobody_is_listed_until_somebody_decides() {
    let town = Town::new(3).await;
    let campaign = town.campaign("barometre", Sources::default()).await;
    let hear = async |reference: &str, keys: Keys| {
        let news = news(Source::File, reference, Completeness::Complete, keys);
        town.calls(async |cx| heard(cx, campaign, news).await).await.0
    };
    let keys = Keys::of;
    assert_eq!(hear("none", Keys::default()).await, Heard::Unmatched(Mismatch::NoKey));
    assert_eq!(hear("forged", Keys::token("token-c9-9")).await, Heard::Unmatched(Mismatch::Nobody));
    let two = keys(Some("token-c1-1"), None, Some("224400028"));
    assert_eq!(hear("two", two).await, Heard::Unmatched(Mismatch::Contradiction));
    assert_eq!(hear("44", keys(None, Some("44"), None)).await, Heard::Unmatched(Mismatch::Ambiguous));
    let region = keys(None, Some("44"), Some("200 052 264"));
    assert_eq!(hear("région", region).await, Heard::Matched(RespondentKey::Collectivite(3)));
    let list = async || town.calls(async |cx| unmatched(cx, campaign).await).await.0;
    let listed: Vec<_> = list().await.into_iter().map(|one| (one.number, one.reference, one.why)).collect();
    assert_eq!(listed.len(), 4);
    assert_eq!(listed[2].2, Mismatch::Contradiction);

    let (done, effects) = town
        .calls(async |cx| {
            let matched = match_by_hand(cx, campaign, listed[3].0, "c2").await.unwrap();
            assert!(matches!(match_by_hand(cx, campaign, listed[3].0, "c2").await, Err(AnswersError::Unknown(_))));
            let nobody = match_by_hand(cx, campaign, listed[0].0, "c99").await;
            assert!(matches!(nobody, Err(AnswersError::NoRespondent(Mismatch::Nobody))));
            dismiss(cx, campaign, listed[0].0).await.unwrap();
            assert!(dismiss(cx, campaign, listed[0].0).await.is_err());
            Ok(matched)
        })
        .await;
    assert_eq!((done, stopped(&effects)), (RespondentKey::Collectivite(2), vec!["c2".to_owned()]));
    assert_eq!(town.state_of(campaign, "c2").await, "answered");
    assert_eq!(hear("none", Keys::token("token-c1-1")).await, Heard::Known, "what was dismissed stays so");

    // Somebody joins the campaign: their answer was here before them.
    town.participant(campaign, "c1", 3, "token-c9-9").await;
    let (matched, effects) = town.calls(async |cx| match_again(cx, campaign).await).await;
    assert_eq!((matched, stopped(&effects)), (1, vec!["c1".to_owned()]));
    assert_eq!(list().await.len(), 1);
}

#[tokio::test]
async fn an_erased_person_leaves_no_key() {
    let town = Town::new(4).await;
    let campaign = town.campaign("barometre", Sources::default()).await;
    let complete = |reference: &str, token: &str, siren: Option<&str>| {
        let keys = Keys::of(Some(token), None, siren);
        news(Source::Webhook, reference, Completeness::Complete, keys)
    };
    // Two that contradict themselves are kept with their keys until somebody decides.
    let all = vec![
        complete("1", "token-c1-1", None),
        complete("2", "token-c1-1", Some("224400028")),
        complete("3", "token-c1-2", Some("224400028")),
    ];
    town.calls(async |cx| heard_all(cx, campaign, all.clone()).await).await;
    let tokens = async || {
        let tokens = sqlx::query_scalar!("SELECT token FROM survey_reminders.answer_news ORDER BY reference");
        tokens.fetch_all(&town.bench.pool).await.unwrap()
    };
    let kept = [None, Some("token-c1-1".to_owned()), Some("token-c1-2".to_owned())];
    assert_eq!(tokens().await, kept, "what is matched needs no token");
    // The second participant turned out to be the first.
    let contact = bot_core::ContactId(uuid::Uuid::from_u128(9));
    sqlx::query!("UPDATE survey_reminders.participant SET contact_id = $1 WHERE token = 'token-c1-1'", contact.0)
        .execute(&town.bench.pool)
        .await
        .unwrap();
    sqlx::query!(
        r#"
        UPDATE survey_reminders.participant SET same_as = (
            SELECT id FROM survey_reminders.participant WHERE token = 'token-c1-1')
        WHERE token = 'token-c1-2'
        "#
    )
    .execute(&town.bench.pool)
    .await
    .unwrap();
    town.calls(async |cx| crate::links::erased(cx, contact).await).await;
    let empty = [None, Some(String::new()), Some(String::new())];
    assert_eq!(tokens().await, empty);
    // The source says it all once more.
    town.calls(async |cx| heard_all(cx, campaign, all.clone()).await).await;
    assert_eq!(tokens().await, empty);
    assert_eq!(town.state_of(campaign, "c1").await, "answered");
}

/// One piece of news of the respondent that its reference belongs to, at some minute.
fn some_news() -> impl Strategy<Value = News> {
    let source = prop::sample::select(vec![Source::Webhook, Source::LimeSurvey, Source::File, Source::Declared]);
    let respondent = prop::sample::select(vec![
        ("c1", ["token-c1-1", "01004", "210100046"]),
        ("c2", ["token-c2-2", "44", "224400028"]),
        ("nobody", ["token-c9-9", "99999", "999999999"]),
    ]);
    (source, respondent, 0..3_u8, 0..2_u8, any::<bool>(), 1..300_i64).prop_map(
        |(source, (name, [token, _, siren]), way, number, complete, minutes)| {
            let complete = complete || source == Source::Declared;
            let keys = match way {
                0 => Keys::token(token),
                1 => Keys::of(None, None, Some(siren)),
                _ => Keys::of(Some(token), None, Some(siren)),
            };
            let now: DateTime<Utc> = "2026-10-05T08:00:00Z".parse().unwrap();
            News {
                source,
                reference: format!("{name} {number}").parse().unwrap(),
                completeness: if complete { Completeness::Complete } else { Completeness::Partial },
                who: Who::Keys(keys),
                answered_at: Some(now - chrono::TimeDelta::minutes(minutes)),
            }
        },
    )
}

/// Everything that is known in the end, without what tells when it was heard.
async fn end_of(town: &Town, campaign: CampaignId) -> (crate::sources_bench::Standing, Vec<String>) {
    let news = sqlx::query_scalar!(
        r#"
        SELECT concat_ws(' ', source, reference, completeness, coalesce(token, '-'), coalesce(siren, '-'),
                         coalesce(respondent_key, 'nobody'), answered_at, after_step) AS "words!"
        FROM survey_reminders.answer_news WHERE campaign_id = $1
        UNION ALL
        SELECT concat_ws(' ', key, answered_at) FROM survey_reminders.respondent WHERE campaign_id = $1
        ORDER BY 1
        "#,
        campaign.0,
    );
    (town.standing(campaign).await, news.fetch_all(&town.bench.pool).await.unwrap())
}

#[tokio::test]
async fn neither_order_nor_repetition_of_news_matters() {
    let town = Town::new(5).await;
    let mut runner = TestRunner::deterministic();
    let strategy = prop::collection::vec(some_news(), 1..8).prop_flat_map(|news| {
        let repeated: Vec<News> = news.iter().chain(&news).cloned().collect();
        (Just(news), Just(repeated).prop_shuffle())
    });
    for case in 0..40 {
        let (once, shuffled) = strategy.new_tree(&mut runner).unwrap().current();
        let (one, other) = (
            town.campaign(&format!("one-{case}"), Sources::default()).await,
            town.campaign(&format!("other-{case}"), Sources::default()).await,
        );
        town.calls(async |cx| heard_all(cx, one, once.clone()).await).await;
        for news in shuffled.clone() {
            town.calls(async |cx| heard(cx, other, news).await).await;
        }
        let (first, second) = (end_of(&town, one).await, end_of(&town, other).await);
        assert_eq!(first, second, "{once:#?}\n{shuffled:#?}");
        for (key, state, _, waiting) in &first.0 {
            assert!(state != "answered" || *waiting == 0, "{key} has answered and {waiting} messages wait");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn news_from_everywhere_at_once_neither_blocks_nor_gets_lost() {
    let town = Town::new(6).await;
    let campaign = town.campaign("barometre", Sources::default()).await;
    let (one, two) = ("token-c1-1", "token-c2-1");
    let calls = (0..12).map(|number| {
        // Half of them meet the same respondents in the other order.
        let tokens = if number % 2 == 0 { [one, two] } else { [two, one] };
        let of = |token: &str| {
            let source = if number % 3 == 0 { Source::Declared } else { Source::File };
            news(source, &format!("{token} {number}"), Completeness::Complete, Keys::token(token))
        };
        let both = tokens.map(of).to_vec();
        town.calls(async move |cx| heard_all(cx, campaign, both).await)
    });
    let heard = futures::future::join_all(calls).await;
    assert!(heard.iter().flat_map(|(heard, _)| heard).all(|heard| matches!(heard, Heard::Matched(_))));
    let count = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM survey_reminders.answer_news"#);
    assert_eq!(count.fetch_one(&town.bench.pool).await.unwrap(), 24);
    for key in ["c1", "c2"] {
        assert_eq!(town.state_of(campaign, key).await, "answered", "one real answer is among them");
    }
}
