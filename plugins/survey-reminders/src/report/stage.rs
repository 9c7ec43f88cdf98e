//! A database with a campaign in it, for the tests of this report.

use bot_core::calendar::sending::SendingRule;
use bot_core::plugin_bench::PluginBench;
use bot_core::{Clock, Locale};
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;
use sqlx::types::Json;
use uuid::Uuid;

use super::gate::{self, Link};
use super::http::{Answer, Visit};
use crate::definition::{
    Addressees, Anchor, Definition, Exclusions, Misfire, Questionnaire, Rung, Sources, Step, StepKind, Wording,
};
use crate::store::CampaignId;

pub(crate) const SLUG: &str = "barometre-2026";

pub(crate) struct Stage {
    pub bench: PluginBench,
    pub campaign: CampaignId,
}

fn step(key: &str, days: i16, kind: StepKind, to: Rung) -> Step {
    Step {
        key: key.parse().unwrap(),
        from: Anchor::Opening,
        days,
        hour: NaiveTime::from_hms_opt(9, 0, 0).unwrap(),
        kind,
        to,
        only_if: None,
        misfire: Misfire::Skip,
        wording: Wording::french("Bonjour"),
    }
}

fn definition(slug: &str, redirect: bool) -> Definition {
    Definition {
        slug: slug.to_owned(),
        title: Wording { fr: "Baromètre 2026".to_owned(), en: Some("Barometer 2026".to_owned()) },
        sender: "Décider ensemble".to_owned(),
        to: Addressees::Everyone,
        exclusions: Exclusions::default(),
        opens_at: "2026-09-01T08:00:00".parse().unwrap(),
        deadline: "2026-10-15T18:00:00".parse().unwrap(),
        time_zone: None,
        questionnaire: Questionnaire {
            link: Some("https://enquetes.example/s?token={{token}}".to_owned()),
            consultation: None,
            token_field: None,
            redirect,
        },
        sources: Sources::default(),
        reminders_max: 3,
        days_between_min: 7,
        sending: SendingRule::default(),
        two_people: false,
        steps: vec![
            step("invitation", 0, StepKind::Invitation, Rung::First),
            step("relance-1", 14, StepKind::Reminder, Rung::First),
            step("relance-2", 28, StepKind::Reminder, Rung::Everyone),
        ],
    }
}

impl Stage {
    /// A campaign with two communes: Nantes (`tok/n-1`) was written to and answered, Rennes is silent.
    pub async fn new(seed: u64) -> Self {
        let start: DateTime<Utc> = "2026-09-20T08:30:00Z".parse().unwrap();
        let bench = PluginBench::new("survey-reminders".parse().unwrap(), Clock::manual(start), seed).await;
        let mut stage = Self { bench, campaign: CampaignId(0) };
        stage.campaign = stage.campaign(SLUG).await;
        let nantes = json!({ "kind": "commune", "name": "Nantes", "siren": "214401093", "insee": "44109",
                             "population": 325_070, "departement": "44", "region": "52" });
        let rennes =
            json!({ "kind": "commune", "name": "Rennes", "insee": "35238", "population": 225_081, "region": "53" });
        stage.respondent("c1", &nantes, "answered", false).await;
        stage.respondent("c2", &rennes, "silent", false).await;
        let participant = stage.participant("c1", "tok/n-1").await;
        stage.message(participant, "invitation", "sent", None).await;
        stage.message(participant, "relance-1", "cancelled", Some("answered")).await;
        let participant = stage.participant("c2", "token-2").await;
        stage.message(participant, "invitation", "sent", None).await;
        stage.message(participant, "relance-1", "waiting", None).await;
        for kind in ["later", "later", "answer_now"] {
            stage.wish(participant, kind).await;
        }
        stage.news("r1", "complete", Some("c1"), "invitation").await;
        stage
    }

    fn now(&self) -> DateTime<Utc> {
        self.bench.clock.now()
    }

    pub fn visit(&self) -> Visit<'_> {
        Visit {
            pool: &self.bench.pool,
            organisation: &self.bench.organisation,
            public_url: None,
            locale: Locale::Fr,
            now: self.now(),
        }
    }

    /// An approved campaign with nobody in it.
    pub async fn campaign(&self, slug: &str) -> CampaignId {
        let definition = definition(slug, false);
        let id = sqlx::query_scalar!(
            r#"
            INSERT INTO survey_reminders.campaign
                (organisation_id, slug, definition, source, approved_version, state, opens_at, deadline, edited_by, edited_at,
                 created_at, secret)
            VALUES ($1, $2, $3, '', 1, 'approved', $4, $5, 'somebody', $4, $4, $6) RETURNING id
            "#,
            self.bench.organisation.id.0,
            slug,
            Json(&definition) as _,
            self.now(),
            self.now() + TimeDelta::days(30),
            [7; 32].as_slice(),
        )
        .fetch_one(&self.bench.pool)
        .await
        .unwrap();
        self.approval(id, 1, &definition).await;
        CampaignId(id)
    }

    async fn approval(&self, campaign: i32, number: i32, definition: &Definition) {
        sqlx::query!(
            r#"
            INSERT INTO survey_reminders.approval
                (organisation_id, campaign_id, number, kind, version, definition, wording_hash, list_hash, messages,
                 approved_by, approved_at)
            VALUES ($1, $2, $3, 'whole', 1, $4, $5, $5, 0, 'somebody', $6)
            "#,
            self.bench.organisation.id.0,
            campaign,
            number,
            Json(definition) as _,
            [0; 32].as_slice(),
            self.now(),
        )
        .execute(&self.bench.pool)
        .await
        .unwrap();
    }

    pub async fn redirects(&self, redirect: bool) {
        self.approval(self.campaign.0, 2, &definition(SLUG, redirect)).await;
    }

    pub async fn respondent(&self, key: &str, facts: &serde_json::Value, state: &str, declared: bool) {
        let answered_at = (state == "answered").then(|| self.now());
        sqlx::query!(
            r#"
            INSERT INTO survey_reminders.respondent (organisation_id, campaign_id, key, facts, state, declared, answered_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            "#,
            self.bench.organisation.id.0,
            self.campaign.0,
            key,
            facts,
            state,
            declared,
            answered_at,
        )
        .execute(&self.bench.pool)
        .await
        .unwrap();
    }

    pub async fn participant(&self, respondent: &str, token: &str) -> i64 {
        sqlx::query_scalar!(
            r#"
            INSERT INTO survey_reminders.participant (organisation_id, campaign_id, contact_id, respondent_key, token)
            VALUES ($1, $2, $3, $4, $5) RETURNING id
            "#,
            self.bench.organisation.id.0,
            self.campaign.0,
            Uuid::from_u128(self.bench.random.draw(|rng| rng.random())),
            respondent,
            token,
        )
        .fetch_one(&self.bench.pool)
        .await
        .unwrap()
    }

    pub async fn message(&self, participant: i64, step: &str, state: &str, reason: Option<&str>) {
        let now = self.now();
        let handed_at = (!matches!(state, "waiting" | "suppressed" | "cancelled" | "expired")).then_some(now);
        let settled_at = (!matches!(state, "waiting" | "handed")).then_some(now);
        let needs_reason = matches!(state, "unknown" | "failed" | "suppressed" | "cancelled" | "expired");
        let reason = reason.or(needs_reason.then_some("outbox")).map(|code| json!({ "code": code }));
        sqlx::query!(
            r#"
            INSERT INTO survey_reminders.planned_message
                (organisation_id, campaign_id, step, participant_id, approval, version, earliest_at, due_at, state, reason,
                 handed_at, settled_at)
            VALUES ($1, $2, $3, $4, 1, 1, $5, $5, $6, $7, $8, $9)
            "#,
            self.bench.organisation.id.0,
            self.campaign.0,
            step,
            participant,
            now,
            state,
            reason,
            handed_at,
            settled_at,
        )
        .execute(&self.bench.pool)
        .await
        .unwrap();
    }

    pub async fn wish(&self, participant: i64, kind: &str) {
        sqlx::query!(
            r#"
            INSERT INTO survey_reminders.wish (organisation_id, campaign_id, participant_id, step, kind, wished_at)
            VALUES ($1, $2, $3, 'invitation', $4, $5)
            "#,
            self.bench.organisation.id.0,
            self.campaign.0,
            participant,
            kind,
            self.now(),
        )
        .execute(&self.bench.pool)
        .await
        .unwrap();
    }

    pub async fn news(&self, reference: &str, completeness: &str, respondent: Option<&str>, after_step: &str) {
        sqlx::query!(
            r#"
            INSERT INTO survey_reminders.answer_news
                (organisation_id, campaign_id, source, reference, completeness, respondent_key, after_step, heard_at)
            VALUES ($1, $2, 'file', $3, $4, $5, $6, $7)
            "#,
            self.bench.organisation.id.0,
            self.campaign.0,
            reference,
            completeness,
            respondent,
            after_step,
            self.now(),
        )
        .execute(&self.bench.pool)
        .await
        .unwrap();
    }

    /// The participant that stands for the organisers.
    async fn organisers(&self) -> i64 {
        sqlx::query_scalar!(
            "INSERT INTO survey_reminders.participant (organisation_id, campaign_id, token) VALUES ($1, $2, 'organisers') RETURNING id",
            self.bench.organisation.id.0,
            self.campaign.0,
        )
        .fetch_one(&self.bench.pool)
        .await
        .unwrap()
    }

    pub async fn opened_at(&self, token: &str) -> Option<DateTime<Utc>> {
        let (organisation, campaign) = (self.bench.organisation.id.0, self.campaign.0);
        sqlx::query_scalar!(
            "SELECT opened_at FROM survey_reminders.participant WHERE organisation_id = $1 AND campaign_id = $2 AND token = $3",
            organisation,
            campaign,
            token,
        )
        .fetch_one(&self.bench.pool)
        .await
        .unwrap()
    }

    /// What an erasure leaves of somebody.
    pub async fn erases(&self, token: &str) {
        let (organisation, campaign) = (self.bench.organisation.id.0, self.campaign.0);
        sqlx::query!(
            "UPDATE survey_reminders.participant SET contact_id = NULL WHERE organisation_id = $1 AND campaign_id = $2 AND token = $3",
            organisation,
            campaign,
            token,
        )
        .execute(&self.bench.pool)
        .await
        .unwrap();
    }

    /// The contact of one token turns out to be that of the other.
    pub async fn merges(&self, joining: &str, staying: &str) {
        sqlx::query!(
            r#"
            UPDATE survey_reminders.participant AS joining SET contact_id = NULL, same_as = staying.id
            FROM survey_reminders.participant AS staying
            WHERE joining.organisation_id = $1 AND joining.campaign_id = $2 AND joining.token = $3
              AND staying.organisation_id = $1 AND staying.campaign_id = $2 AND staying.token = $4
            "#,
            self.bench.organisation.id.0,
            self.campaign.0,
            joining,
            staying,
        )
        .execute(&self.bench.pool)
        .await
        .unwrap();
    }

    pub async fn link(&self) -> Link {
        let call = async |cx: &mut bot_core::plugin::Context| gate::issue(cx, self.campaign, SLUG).await;
        self.bench.call(None, Locale::Fr, call).await.unwrap().0
    }

    pub async fn revoke(&self) -> u64 {
        let call = async |cx: &mut bot_core::plugin::Context| gate::revoke(cx, self.campaign).await;
        self.bench.call(None, Locale::Fr, call).await.unwrap().0
    }

    /// The `Cookie` header of somebody who opened a link.
    pub async fn session(&self) -> String {
        let link = self.link().await;
        let token = link.path.rsplit('/').next().unwrap();
        let opened: Answer = gate::exchange(&self.visit(), SLUG, token, self.bench.random.bytes()).await.unwrap();
        opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    }

    pub async fn is_open(&self, cookie: &str) -> bool {
        let mut sql = self.bench.pool.acquire().await.unwrap();
        gate::is_open(&mut sql, self.bench.organisation.id, SLUG, &[cookie], self.now()).await.unwrap()
    }

    /// Adds `count` respondents with whatever contacts, messages and answers.
    pub async fn crowd(&self, count: usize, seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed);
        let organisers = self.organisers().await;
        self.message(organisers, "relance-2", "sent", None).await;
        for number in 0..count {
            let key = format!("c{}", 1000 + number);
            let kinds = ["commune", "epci", "departement", "region", "other"];
            let regions = ["52", "53", "94"];
            let facts = json!({ "kind": kinds.choose(&mut rng), "name": format!("Collectivité {number}"),
                                "population": rng.random_range(0..200_000),
                                "region": regions.choose(&mut rng) });
            let state = ["silent", "started", "answered", "refused"].choose(&mut rng).copied().unwrap_or("silent");
            let declared = state == "answered" && rng.random_bool(0.3);
            self.respondent(&key, &facts, state, declared).await;
            for contact in 0..rng.random_range(0..3) {
                let participant = self.participant(&key, &format!("token-{number}-{contact}")).await;
                for step in ["invitation", "relance-1", "relance-2", "disparue"] {
                    let states =
                        ["waiting", "handed", "sent", "unknown", "failed", "expired", "suppressed", "cancelled"];
                    let state = states.choose(&mut rng).copied().unwrap_or("waiting");
                    if rng.random_bool(0.7) {
                        self.message(participant, step, state, [None, Some("answered")][rng.random_range(0..2)]).await;
                    }
                }
            }
            for news in 0..rng.random_range(0..3) {
                let completeness = ["partial", "complete"][rng.random_range(0..2)];
                let respondent = rng.random_bool(0.8).then_some(key.as_str());
                let after = ["", "invitation", "relance-1", "disparue"][rng.random_range(0..4)];
                self.news(&format!("{number}-{news}"), completeness, respondent, after).await;
            }
        }
    }
}
