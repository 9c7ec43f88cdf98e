use std::collections::BTreeMap;

use bot_core::Redacted;
use bot_core::fetch::{FetchSettings, Secret, perform};
use bot_core::plugin::Effect;
use fake_limesurvey::{FakeLimeSurvey, Interface, JsonShape, Site, Survey};

use super::*;
use crate::sources_bench::{Town, limesurvey, stopped};

const SURVEY: u32 = 123_456;

/// A town, the LimeSurvey it asks, and the core between them.
struct Polling {
    town: Town,
    fake: FakeLimeSurvey,
    settings: FetchSettings,
    campaign: CampaignId,
    /// Requests of the last round.
    requests: usize,
}

impl Polling {
    async fn new(seed: u64, survey: Survey) -> Self {
        let mut site = Site::default();
        site.users.insert("crieur".to_owned(), "a \"word\" to pass".to_owned());
        site.surveys.insert(SURVEY, survey);
        let fake = FakeLimeSurvey::start(site).await.unwrap();
        let town = Town::new(seed).await;
        let campaign = town.campaign("barometre", limesurvey(&fake.url())).await;
        let secret =
            Secret { value: Redacted::new("a \"word\" to pass".to_owned()), hosts: vec!["127.0.0.1".to_owned()] };
        let settings = FetchSettings {
            allow: vec![fake.address().to_string().parse().unwrap()],
            secrets: BTreeMap::from([("limesurvey_password".to_owned(), secret)]),
            ..FetchSettings::default()
        };
        Self { town, fake, settings, campaign, requests: 0 }
    }

    /// Runs one round as the core does, and gives whom it stopped and when the next one is.
    async fn round(&mut self) -> (Vec<String>, Option<DateTime<Utc>>) {
        let due_at = self.town.bench.clock.now();
        let fire = FiredFire { scope: scope(self.campaign), subject: String::new(), due_at, payload: Value::Null };
        let (_, mut effects) = self.town.calls(async |cx| on_fire(cx, &fire).await).await;
        let (mut all_stopped, mut next) = (Vec::new(), None);
        self.requests = 0;
        loop {
            all_stopped.extend(stopped(&effects));
            for effect in &effects {
                if let Effect::Schedule(fire) = effect {
                    next = Some(fire.due_at);
                }
            }
            let fetch = effects.into_iter().find_map(|effect| match effect {
                Effect::Fetch(fetch) => Some(*fetch),
                _ => None,
            });
            let Some(Fetch { scope, subject, request, payload }) = fetch else { return (all_stopped, next) };
            self.requests += 1;
            assert!(self.requests < 100, "it goes round and round");
            let outcome = perform(&request, &self.settings).await;
            let fetched = Fetched { scope, subject, payload, outcome };
            effects = self.town.calls(async |cx| on_fetched(cx, &fetched).await).await.1;
        }
    }

    fn survey(&self, change: impl FnOnce(&mut Survey)) {
        change(self.fake.site().surveys.get_mut(&SURVEY).unwrap());
    }

    async fn failure(&self) -> Option<String> {
        let failure = sqlx::query_scalar!("SELECT failure FROM survey_reminders.poll");
        failure.fetch_one(&self.town.bench.pool).await.unwrap()
    }

    async fn state_of(&self, key: &str) -> String {
        self.town.state_of(self.campaign, key).await
    }
}

fn survey() -> Survey {
    Survey::for_tokens(["token-c1-1", "token-c1-2", "token-c2-1", "token-c2-2", "token-c3-1", "token-c3-2"])
}

#[tokio::test]
async fn who_finished_is_heard_within_one_round_and_who_began_is_known_as_such() {
    for json in [JsonShape::Flat, JsonShape::Keyed] {
        let mut polling = Polling::new(21, survey()).await;
        polling.fake.site().json = json;
        let started = polling.town.bench.clock.now();
        assert_eq!(polling.round().await, (Vec::new(), Some(started + TimeDelta::minutes(15))));
        assert_eq!(polling.failure().await, None);
        polling.survey(|survey| {
            survey.begins("token-c2-1");
            survey.finishes("token-c1-2", "2026-10-05 09:30");
        });
        assert_eq!(polling.round().await.0, ["c1"]);
        assert_eq!((polling.state_of("c1").await, polling.state_of("c2").await), ("answered".into(), "started".into()));
        assert_eq!(polling.state_of("c3").await, "silent");
        let at = sqlx::query_scalar!(r#"SELECT answered_at FROM survey_reminders.respondent WHERE key = 'c1'"#);
        let at = at.fetch_one(&polling.town.bench.pool).await.unwrap().unwrap();
        assert_eq!(at.to_rfc3339(), "2026-10-05T07:30:00+00:00");
        polling.survey(|survey| survey.finishes("token-c2-1", "2026-10-05 09:45"));
        assert_eq!(polling.round().await.0, ["c2"]);
        assert!(polling.round().await.0.is_empty(), "nothing is heard twice");
        assert_eq!(polling.fake.site().sessions_open(), 0);
        assert_eq!(polling.requests, 5);
    }
}

#[tokio::test]
async fn an_anonymous_survey_tells_who_finished_and_not_who_began() {
    let mut polling = Polling::new(22, Survey { anonymized: true, ..survey() }).await;
    polling.survey(|survey| {
        survey.begins("token-c2-1");
        survey.finishes("token-c1-1", "2026-10-05 09:30");
    });
    assert_eq!(polling.round().await.0, ["c1"]);
    assert_eq!(polling.state_of("c2").await, "silent");
    assert!(!polling.fake.site().calls.iter().any(|call| call == "export_responses"));
}

#[tokio::test]
async fn thousands_are_read_in_pages_and_taken_in_portions() {
    let tokens: Vec<String> = (0..2200).map(|number| format!("unknown-{number}")).collect();
    let mut many = Survey::for_tokens(tokens.iter().map(String::as_str).chain(["token-c3-1"]));
    for token in tokens.iter().take(700) {
        many.finishes(token, "2026-10-05 09:30");
    }
    many.finishes("token-c3-1", "2026-10-05 09:30");
    let mut polling = Polling::new(23, many).await;
    assert_eq!(polling.round().await.0, ["c3"]);
    // Login, properties, three pages of which the first is read fourteen times, beginnings, release.
    assert_eq!(polling.requests, 20);
    let (listed, _) = polling.town.calls(async |cx| crate::answers::unmatched(cx, polling.campaign).await).await;
    assert_eq!(listed.len(), 700);
}

#[tokio::test]
async fn a_session_that_ends_meanwhile_is_opened_again_once() {
    let mut polling = Polling::new(24, survey()).await;
    polling.survey(|survey| survey.finishes("token-c1-1", "2026-10-05 09:30"));
    polling.fake.site().sessions_last = -1;
    polling.round().await;
    assert!(polling.failure().await.unwrap().contains("iSessionExpirationTime"));
    let logins = polling.fake.site().calls.iter().filter(|call| *call == "get_session_key").count();
    assert_eq!(logins, 2);
    polling.fake.site().sessions_last = 7200;
    assert_eq!(polling.round().await.0, ["c1"]);
    assert_eq!(polling.failure().await, None);
}

#[tokio::test]
async fn what_stands_in_the_way_is_told_with_its_remedy() {
    type Obstacle = fn(&mut Site);
    let obstacles: [(Obstacle, &str); 9] = [
        (|site| site.interface = Interface::Off, "switched off"),
        (|site| site.interface = Interface::Xml, "not XML-RPC"),
        (|site| site.surveys.clear(), "sources.limesurvey.survey_id"),
        (|site| of(site).may_read_settings = false, "rights"),
        (|site| of(site).may_read_participants = false, "rights"),
        (|site| of(site).may_export = false, "rights"),
        (|site| of(site).participants = None, "participants table"),
        (|site| of(site).active = false, "not active"),
        (|site| site.users.clear(), "sources.limesurvey.username"),
    ];
    fn of(site: &mut Site) -> &mut Survey {
        site.surveys.get_mut(&SURVEY).unwrap()
    }
    let mut polling = Polling::new(25, survey()).await;
    let whole = polling.fake.site().clone();
    for (obstacle, remedy) in obstacles {
        obstacle(&mut polling.fake.site());
        polling.round().await;
        let failure = polling.failure().await.unwrap();
        assert!(failure.contains(remedy), "{failure}");
        assert!(!failure.contains("to pass"), "{failure}");
        assert_eq!(polling.fake.site().sessions_open(), 0, "{remedy}");
        *polling.fake.site() = whole.clone();
        polling.round().await;
        assert_eq!(polling.failure().await, None, "{remedy}");
    }
    polling.settings.allow.clear();
    polling.round().await;
    assert!(polling.failure().await.unwrap().contains("[fetch]"));
}

#[tokio::test]
async fn a_refused_login_is_not_repeated_until_limesurvey_locks_the_door() {
    let mut polling = Polling::new(26, survey()).await;
    polling.fake.site().users.clear();
    let now = polling.town.bench.clock.now();
    assert_eq!(polling.round().await.1, Some(now + TimeDelta::hours(1)));
    polling.fake.site().attempts_max = 1;
    polling.round().await;
    assert!(polling.failure().await.unwrap().contains("locked us out"));
}

#[tokio::test]
async fn a_cancelled_campaign_and_one_long_over_are_asked_about_no_more() {
    let mut polling = Polling::new(27, survey()).await;
    polling.town.bench.clock.advance(TimeDelta::days(38));
    assert_eq!(polling.round().await, (Vec::new(), None));
    assert_eq!(polling.requests, 0);
}
