//! A town with a digest, and the sources it asks.

use bot_core::plugin::{
    Context, Effect, Fetch, FetchFailure, FetchRequest, FetchResponse, Fetched, FiredFire, HandlerError,
};
use bot_core::plugin_bench::PluginBench;
use bot_core::{Clock, Locale};
use chrono::{DateTime, TimeDelta, Utc};

use super::harvest::{self, definition_changed};
use super::items;
use super::state::{self, SourceState};
use crate::definition::{Definition, Source, SourceKind, Topic};
use crate::edition::Window;
use crate::edition::model::Entry;

pub(crate) fn feed(key: &str, url: &str) -> Source {
    Source {
        key: key.parse().unwrap(),
        name: format!("La source {key}"),
        url: url.to_owned(),
        topics: vec!["presse".parse().unwrap()],
        every_minutes: 60,
        kind: SourceKind::Feed,
    }
}

pub(crate) fn agenda(key: &str, url: &str) -> Source {
    Source { kind: SourceKind::Events, ..feed(key, url) }
}

pub(crate) fn definition(sources: Vec<Source>) -> Definition {
    let topic = |key: &str, keywords: &[&str]| Topic {
        key: key.parse().unwrap(),
        name: serde_json::from_value(serde_json::json!({ "fr": key, "en": key })).unwrap(),
        keywords: keywords.iter().map(|keyword| (*keyword).to_owned()).collect(),
    };
    Definition {
        title: serde_json::from_value(serde_json::json!({ "fr": "Lettre", "en": "Digest" })).unwrap(),
        time_zone: chrono_tz::Europe::Paris,
        weekly: None,
        monthly: None,
        topics: vec![
            topic("presse", &[]),
            topic("ecologie", &["eau", "Énergie"]),
            topic("participation", &["budget participatif"]),
        ],
        sources,
        figures: Vec::new(),
        wording: Default::default(),
    }
}

pub(crate) fn moment(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// It is Monday, 16 November 2026, 8 o'clock in Paris.
pub(crate) struct Town {
    pub bench: PluginBench,
    pub definition: Definition,
    /// When the fire is due.
    pub next: Option<DateTime<Utc>>,
    /// Asked and not answered yet.
    pub asked: Vec<Fetch>,
}

impl Town {
    pub async fn new(seed: u64, sources: Vec<Source>) -> Self {
        let clock = Clock::manual(moment("2026-11-16T07:00:00Z"));
        let bench = PluginBench::new("barometer-digests".parse().unwrap(), clock, seed).await;
        let mut town = Self { bench, definition: definition(Vec::new()), next: None, asked: Vec::new() };
        town.write(definition(sources)).await;
        town
    }

    pub async fn write(&mut self, definition: Definition) {
        self.definition = definition.clone();
        self.call(async |cx| {
            let value = serde_json::to_value(&definition).unwrap();
            let (organisation, now) = (cx.organisation.id.0, cx.now);
            sqlx::query!(
                r#"
                INSERT INTO barometer_digests.digest
                    (organisation_id, definition, source, version, edited_by, edited_at, secret)
                VALUES ($1, $2, '', 1, 'operator', $3, $4)
                ON CONFLICT (organisation_id) DO UPDATE SET definition = excluded.definition
                "#,
                organisation,
                value,
                now,
                [7_u8; 32].as_slice(),
            )
            .execute(cx.sql())
            .await?;
            definition_changed(cx, &definition).await
        })
        .await;
    }

    async fn call<T>(&mut self, call: impl AsyncFnOnce(&mut Context) -> Result<T, HandlerError>) -> T {
        let (value, effects) = self.bench.call(None, Locale::Fr, call).await.unwrap();
        for effect in effects {
            match effect {
                Effect::Schedule(fire) => self.next = Some(fire.due_at),
                Effect::CancelFire { .. } => self.next = None,
                Effect::Fetch(fetch) => self.asked.push(*fetch),
                other => panic!("{other:?}"),
            }
        }
        value
    }

    /// Lets the time come when the fire is due, and gives what is asked.
    pub async fn fire(&mut self) -> Vec<FetchRequest> {
        let due_at = self.next.take().expect("nothing is scheduled");
        let now = self.bench.clock.now();
        self.bench.clock.advance((due_at - now).max(TimeDelta::zero()));
        let fire = FiredFire {
            scope: harvest::FIRE.to_owned(),
            subject: String::new(),
            due_at,
            payload: serde_json::Value::Null,
        };
        self.call(async |cx| harvest::fired(cx, &fire).await).await;
        self.asked.iter().map(|fetch| fetch.request.clone()).collect()
    }

    pub async fn answer(&mut self, outcome: Result<FetchResponse, FetchFailure>) {
        let Fetch { scope, subject, payload, .. } = self.asked.remove(0);
        let fetched = Fetched { scope, subject, payload, outcome };
        self.call(async |cx| harvest::fetched(cx, &fetched).await).await;
    }

    /// Lets the next source that is due be asked, and answer so.
    pub async fn hears(&mut self, answer: FetchResponse) {
        self.fire().await;
        self.answer(Ok(answer)).await;
    }

    pub async fn state(&mut self) -> SourceState {
        let definition = self.definition.clone();
        self.call(async |cx| {
            let organisation = cx.organisation.id;
            state::list(cx.sql(), organisation, &definition).await
        })
        .await
        .remove(0)
    }

    pub async fn candidates(&mut self, from: &str, until: &str) -> Vec<Entry> {
        let window = Window { from: moment(from), until: moment(until) };
        let definition = self.definition.clone();
        self.call(async |cx| {
            let organisation = cx.organisation.id;
            items::candidates(cx.sql(), organisation, &definition, &window).await
        })
        .await
    }
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> FetchResponse {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    FetchResponse { status, headers, body: body.as_bytes().to_vec() }
}
