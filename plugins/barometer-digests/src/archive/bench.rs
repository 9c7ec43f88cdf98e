//! For tests: a town with a draft, a published edition and one that was corrected.

use bot_core::plugin_bench::PluginBench;
use bot_core::{Clock, Locale, Wording};
use chrono::{DateTime, TimeDelta, Utc};

use super::{Answer, Visit};
use crate::edition::model::Edition;
use crate::edition::store;

pub(super) const CORRECTED: u32 = 1;
pub(super) const PUBLISHED: u32 = 2;
pub(super) const DRAFT: u32 = 3;
pub(super) const PUBLIC_URL: &str = "https://crieur.example.org";

pub(super) fn edition() -> Edition {
    serde_json::from_str(include_str!("../../samples/edition.json")).unwrap()
}

pub(super) async fn town(seed: u64) -> PluginBench {
    let start: DateTime<Utc> = "2026-11-22T08:00:00Z".parse().unwrap();
    let bench = PluginBench::new("barometer-digests".parse().unwrap(), Clock::manual(start), seed).await;
    let mut sql = bench.pool.acquire().await.unwrap();
    let organisation = bench.organisation.id;
    for (number, period) in [(CORRECTED, "2026-W46"), (PUBLISHED, "2026-W47"), (DRAFT, "2026-W48")] {
        let at = start + TimeDelta::weeks(i64::from(number) - 2);
        let edition = Edition { period: period.parse().unwrap(), ..edition() };
        assert_eq!(store::insert(&mut sql, organisation, &edition, "Zoé", at).await.unwrap(), number);
        if number < DRAFT {
            store::approve(&mut sql, organisation, number, "Zoé", at).await.unwrap();
            store::publish(&mut sql, organisation, number, 0, at).await.unwrap();
        }
    }
    let words = Wording::french("Il fallait lire <98> collectivités.");
    let at = start + TimeDelta::days(2);
    store::correct(&mut sql, organisation, CORRECTED, &words, "Zoé", at).await.unwrap();
    drop(sql);
    bench
}

pub(super) fn visit(bench: &PluginBench, locale: Locale) -> Visit<'_> {
    Visit { pool: &bench.pool, organisation: &bench.organisation, public_url: Some(PUBLIC_URL), locale }
}

pub(super) fn body_of(answer: Answer) -> String {
    answer.body
}
