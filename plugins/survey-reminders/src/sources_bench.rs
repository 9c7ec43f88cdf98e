//! A campaign that is carried out, for the tests of what hears of answers: respondents, their contacts, what was sent
//! and what waits.

use bot_core::Wording;
use bot_core::calendar::sending::SendingRule;
use bot_core::plugin::{Context, Effect, HandlerError};
use bot_core::plugin_bench::PluginBench;
use bot_core::{Clock, Locale};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::definition::{Addressees, Definition, Exclusions, LimeSurveySource, Questionnaire, Sources, WebhookSource};
use crate::store::CampaignId;

pub(crate) struct Town {
    pub bench: PluginBench,
}

/// What a test looks at: of each respondent its state, whether it was only declared, and how many of its messages wait.
pub(crate) type Standing = Vec<(String, String, bool, i64)>;

impl Town {
    pub async fn new(seed: u64) -> Self {
        let start: DateTime<Utc> = "2026-10-05T08:00:00Z".parse().unwrap();
        Self { bench: PluginBench::new("survey-reminders".parse().unwrap(), Clock::manual(start), seed).await }
    }

    pub async fn calls<T>(&self, call: impl AsyncFnOnce(&mut Context) -> Result<T, HandlerError>) -> (T, Vec<Effect>) {
        self.bench.call(None, Locale::Fr, call).await.unwrap()
    }

    /// A campaign with three respondents: the commune 01004, the département 44 and the région 44. Each has two
    /// contacts; the first got the invitation an hour ago, both have a reminder waiting.
    pub async fn campaign(&self, slug: &str, sources: Sources) -> CampaignId {
        let definition = definition(slug, sources);
        let (organisation, now) = (self.bench.organisation.id.0, self.bench.clock.now());
        let pool = &self.bench.pool;
        let id = sqlx::query_scalar!(
            r#"
            INSERT INTO survey_reminders.campaign
                (organisation_id, slug, definition, source, approved_version, state, opens_at, deadline, edited_by,
                 edited_at, created_at, secret)
            VALUES ($1, $2, $3, '', 1, 'approved', $4, $5, 'operator', $4, $4, $6) RETURNING id
            "#,
            organisation,
            slug,
            serde_json::to_value(&definition).unwrap(),
            now - TimeDelta::days(1),
            now + TimeDelta::days(30),
            [7_u8; 32].as_slice(),
        )
        .fetch_one(pool)
        .await
        .unwrap();
        sqlx::query!(
            r#"
            INSERT INTO survey_reminders.approval
                (organisation_id, campaign_id, number, kind, version, definition, wording_hash, list_hash, messages,
                 approved_by, approved_at)
            VALUES ($1, $2, 1, 'whole', 1, '{}', $3, $3, 12, 'operator', $4)
            "#,
            organisation,
            id,
            [1_u8; 32].as_slice(),
            now - TimeDelta::days(1),
        )
        .execute(pool)
        .await
        .unwrap();
        let respondents = [
            ("c1", json!({ "kind": "commune", "insee": "01004", "siren": "210100046" })),
            ("c2", json!({ "kind": "departement", "insee": "44", "siren": "224400028" })),
            ("c3", json!({ "kind": "region", "insee": "44", "siren": "200052264" })),
        ];
        for (key, facts) in respondents {
            sqlx::query!(
                r#"
                INSERT INTO survey_reminders.respondent (organisation_id, campaign_id, key, facts)
                VALUES ($1, $2, $3, $4)
                "#,
                organisation,
                id,
                key,
                facts,
            )
            .execute(pool)
            .await
            .unwrap();
            for rank in [1_i16, 2] {
                self.participant(CampaignId(id), key, rank, &format!("token-{key}-{rank}")).await;
            }
        }
        CampaignId(id)
    }

    pub async fn participant(&self, campaign: CampaignId, key: &str, rank: i16, token: &str) {
        let (organisation, now) = (self.bench.organisation.id.0, self.bench.clock.now());
        let pool = &self.bench.pool;
        let participant = sqlx::query_scalar!(
            r#"
            INSERT INTO survey_reminders.participant (organisation_id, campaign_id, respondent_key, rank, token)
            VALUES ($1, $2, $3, $4, $5) RETURNING id
            "#,
            organisation,
            campaign.0,
            key,
            rank,
            token,
        )
        .fetch_one(pool)
        .await
        .unwrap();
        let sent = (rank == 1).then_some(now - TimeDelta::hours(1));
        for (step, due, handed) in
            [("invitation", now - TimeDelta::hours(1), sent), ("rappel-1", now + TimeDelta::days(7), None)]
        {
            sqlx::query!(
                r#"
                INSERT INTO survey_reminders.planned_message
                    (organisation_id, campaign_id, step, participant_id, approval, version, earliest_at, due_at,
                     state, handed_at, settled_at)
                VALUES ($1, $2, $3, $4, 1, 1, $5, $5, $6, $7, $7)
                "#,
                organisation,
                campaign.0,
                step,
                participant,
                due,
                if handed.is_some() { "sent" } else { "waiting" },
                handed,
            )
            .execute(pool)
            .await
            .unwrap();
        }
    }

    pub async fn standing(&self, campaign: CampaignId) -> Standing {
        sqlx::query!(
            r#"
            SELECT key, state, declared, (
                SELECT count(*) FROM survey_reminders.planned_message AS message
                JOIN survey_reminders.participant AS participant
                  ON participant.organisation_id = message.organisation_id
                 AND participant.campaign_id = message.campaign_id AND participant.id = message.participant_id
                WHERE participant.organisation_id = respondent.organisation_id
                  AND participant.campaign_id = respondent.campaign_id
                  AND participant.respondent_key = respondent.key AND message.state = 'waiting'
            ) AS "waiting!"
            FROM survey_reminders.respondent AS respondent WHERE campaign_id = $1 ORDER BY key
            "#,
            campaign.0,
        )
        .fetch_all(&self.bench.pool)
        .await
        .unwrap()
        .into_iter()
        .map(|row| (row.key, row.state, row.declared, row.waiting))
        .collect()
    }

    /// The state of one respondent, `declared` behind it where only they say so.
    pub async fn state_of(&self, campaign: CampaignId, key: &str) -> String {
        let all = self.standing(campaign).await;
        let (_, state, declared, _) = all.into_iter().find(|row| row.0 == key).unwrap();
        if declared { format!("{state}, declared") } else { state }
    }
}

/// Whose deliveries `effects` stop.
pub(crate) fn stopped(effects: &[Effect]) -> Vec<String> {
    let subjects = effects.iter().filter_map(|effect| match effect {
        Effect::StopSubjects { subjects, .. } => Some(subjects.clone()),
        _ => None,
    });
    subjects.flatten().collect()
}

pub(crate) fn definition(slug: &str, sources: Sources) -> Definition {
    let words = |text: &str| Wording { fr: text.to_owned(), en: None };
    Definition {
        slug: slug.to_owned(),
        title: words("Baromètre 2026"),
        sender: "L’observatoire".to_owned(),
        to: Addressees::Everyone,
        exclusions: Exclusions::default(),
        opens_at: "2026-10-04T09:00:00".parse().unwrap(),
        deadline: "2026-11-04T18:00:00".parse().unwrap(),
        time_zone: None,
        questionnaire: Questionnaire {
            link: Some("https://enquetes.example/123456?token={{token}}".to_owned()),
            consultation: None,
            token_field: None,
            redirect: false,
        },
        sources,
        sending: SendingRule::default(),
        reminders_max: 3,
        days_between_min: 3,
        two_people: false,
        steps: Vec::new(),
    }
}

pub(crate) fn webhook() -> Sources {
    let webhook = WebhookSource { secret: "enquete".to_owned(), mode: Default::default(), fields: Default::default() };
    Sources { webhook: Some(webhook), limesurvey: None }
}

pub(crate) fn limesurvey(url: &str) -> Sources {
    let limesurvey = LimeSurveySource {
        url: url.to_owned(),
        survey_id: 123_456,
        username: "crieur".to_owned(),
        password: "limesurvey_password".to_owned(),
        every_minutes: 15,
    };
    Sources { webhook: None, limesurvey: Some(limesurvey) }
}
