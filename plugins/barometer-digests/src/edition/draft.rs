//! Puts what fell into a window into an edition. Pure: the same inputs give the same bytes, in whatever order they
//! come.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Days, Months, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;

use super::model::{Content, Edition, Entry, News, Phase, Section, SourceRecord, When};
use super::period::{Period, Window};
use crate::definition::{Cadence, Definition, Key, SourceKind};

/// The most entries of each section that a draft begins with. What is over is left for the editor to add.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub figures: usize,
    pub consultations: usize,
    pub news: usize,
    pub events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { figures: 4, consultations: 8, news: 12, events: 8 }
    }
}

impl Limits {
    fn of(self, section: Section) -> usize {
        match section {
            Section::Figures => self.figures,
            Section::Consultations => self.consultations,
            Section::News => self.news,
            Section::Events => self.events,
        }
    }
}

/// Everything that an edition is made from.
#[derive(Clone, Debug)]
pub struct Inputs<'d> {
    pub definition: &'d Definition,
    pub definition_version: u32,
    pub period: Period,
    pub window: Window,
    /// In any order.
    pub candidates: Vec<Entry>,
    /// In any order; their entries are counted here.
    pub sources: Vec<SourceRecord>,
    pub limits: Limits,
}

/// The edition that is drafted from `inputs`.
pub fn assemble(inputs: Inputs<'_>) -> Edition {
    let Inputs { definition, definition_version, period, window, candidates, sources, limits } = inputs;
    let mut taken: BTreeMap<Section, usize> = BTreeMap::new();
    let mut entries = in_order(definition, candidates);
    entries.retain(|entry| {
        let section = entry.content.section();
        let taken = taken.entry(section).or_default();
        *taken += 1;
        *taken <= limits.of(section)
    });
    let sources = foot(definition, window, &entries, sources);
    Edition {
        period,
        window,
        title: definition.title.clone(),
        time_zone: definition.time_zone,
        definition_version,
        introduction: BTreeMap::new(),
        entries,
        topics: definition.topics.clone(),
        wording: definition.wording.clone(),
        sources,
    }
}

/// Entries in the order they are offered in, each once.
pub fn in_order(definition: &Definition, mut entries: Vec<Entry>) -> Vec<Entry> {
    // The words of an entry last: two of one name that say different things have an order too.
    entries.sort_by_cached_key(|entry| {
        let words = serde_json::to_string(entry).unwrap_or_default();
        (entry.content.section(), rank(definition, &entry.content), entry.key.clone(), words)
    });
    let mut seen = std::collections::BTreeSet::new();
    entries.retain(|entry| seen.insert(entry.key.clone()));
    entries
}

/// What comes first within a section: figures as the file names them, what closes soonest, the newest news, the next
/// event.
fn rank(definition: &Definition, content: &Content) -> (usize, Reverse<i64>) {
    let soonest = |moment: DateTime<Utc>| Reverse(-moment.timestamp());
    let by_phase = |phase: &Phase| match phase {
        Phase::Closing { closes_at } => (0, soonest(*closes_at)),
        Phase::Opened { closes_at } => (1, closes_at.map_or(Reverse(i64::MIN), soonest)),
        Phase::Closed { closed_at } => (2, Reverse(closed_at.timestamp())),
    };
    match content {
        Content::Figure(figure) => {
            let mut plans = definition.figures.iter();
            let place = plans.position(|plan| plan.dataset == figure.dataset && plan.indicator == figure.indicator);
            (place.unwrap_or(usize::MAX), Reverse(0))
        }
        Content::Consultation(consultation) => by_phase(&consultation.phase),
        Content::Campaign(campaign) => by_phase(&campaign.phase),
        Content::News(News { published_on, .. }) => {
            (0, Reverse(published_on.signed_duration_since(chrono::NaiveDate::default()).num_days()))
        }
        Content::Event(event) => match &event.when {
            When::Days { from, .. } => (0, soonest(from.and_time(chrono::NaiveTime::MIN).and_utc())),
            When::Moments { from, .. } => (0, soonest(*from)),
        },
    }
}

/// What was looked at: the file's sources, datasets that came from no source, and this crieur's own consultations.
fn foot(
    definition: &Definition,
    window: Window,
    entries: &[Entry],
    mut records: Vec<SourceRecord>,
) -> Vec<SourceRecord> {
    let own = |key: Key, query: String| {
        let name = key.to_string();
        SourceRecord { key, name, url: None, query, entries: 0, succeeded_at: None, is_failing: false }
    };
    for entry in entries {
        if let Content::Figure(figure) = &entry.content
            && feeder(definition, &figure.dataset).is_none()
            && !records.iter().any(|record| record.key == figure.dataset)
        {
            records.push(own(figure.dataset.clone(), format!("version {}", figure.dataset_version)));
        }
    }
    if let Ok(key) = OWN.parse::<Key>()
        && !records.iter().any(|record| record.key == key)
    {
        let moment = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        // An interval of ISO 8601.
        records.push(own(key, format!("{}/{}", moment(window.from), moment(window.until))));
    }
    count_entries(definition, entries, &mut records);
    records.sort_by(|one, other| one.key.cmp(&other.key));
    records
}

/// Counts anew how many entries are from each source.
pub fn count_entries(definition: &Definition, entries: &[Entry], records: &mut [SourceRecord]) {
    for record in records {
        let from_here = entries.iter().filter(|entry| origin(definition, &entry.content) == record.key.as_str());
        record.entries = u32::try_from(from_here.count()).unwrap_or(u32::MAX);
    }
}

/// What this crieur's own consultations and campaigns are called among the sources.
pub const OWN: &str = "crieur";

/// The source that feeds a dataset.
fn feeder<'d>(definition: &'d Definition, dataset: &Key) -> Option<&'d Key> {
    let feeds = |kind: &SourceKind| match kind {
        SourceKind::Table { dataset: fed, .. } | SourceKind::Opendatasoft { dataset: fed, .. } => fed == dataset,
        SourceKind::Feed | SourceKind::Events => false,
    };
    definition.sources.iter().find(|source| feeds(&source.kind)).map(|source| &source.key)
}

/// The key of the source an entry is from.
fn origin<'e>(definition: &'e Definition, content: &'e Content) -> &'e str {
    match content {
        Content::Figure(figure) => feeder(definition, &figure.dataset).unwrap_or(&figure.dataset).as_str(),
        Content::Consultation(_) | Content::Campaign(_) => OWN,
        Content::News(news) => news.source.as_str(),
        Content::Event(event) => event.source.as_str(),
    }
}

/// What an edition drafted at `now` looks at: from where the last one ended, at most two periods back; the first
/// edition looks one period back.
pub fn window(cadence: Cadence, last_end: Option<DateTime<Utc>>, now: DateTime<Utc>, time_zone: Tz) -> Window {
    let back = |periods: u8| {
        let local = now.with_timezone(&time_zone).naive_local();
        let earlier = match cadence {
            Cadence::Weekly => local.checked_sub_days(Days::new(7 * u64::from(periods))),
            Cadence::Monthly => local.checked_sub_months(Months::new(periods.into())),
        };
        earlier.map_or(now, |earlier| bot_core::calendar::resolve_local(earlier, time_zone))
    };
    let from = last_end.unwrap_or_else(|| back(1)).max(back(2));
    // A window is never empty, whatever the clock did meanwhile.
    Window { from: from.min(now - TimeDelta::seconds(1)), until: now }
}

#[cfg(test)]
pub(crate) mod tests {
    use chrono::NaiveDate;
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;
    use crate::definition::ChartKind;
    use crate::definition_file::parse;
    use crate::edition::EntryKey;
    use crate::edition::model::*;

    const EXAMPLE: &str = include_str!("../../examples/digest.toml");

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    fn french(words: &str) -> bot_core::Wording {
        bot_core::Wording::french(words)
    }

    pub(crate) fn news(number: u32, day: u32) -> Entry {
        let content = Content::News(News {
            title: format!("Nouvelle {number}"),
            summary: "Ce qui s’est passé.".to_owned(),
            url: Some(format!("https://actualites.example.org/{number}")),
            published_on: NaiveDate::from_ymd_opt(2026, 11, day).unwrap(),
            source: key("actualites"),
            source_name: "Actualités".to_owned(),
            language: Some("fr".to_owned()),
        });
        let topics = if number.is_multiple_of(2) { vec![key("cartographie")] } else { Vec::new() };
        Entry { key: EntryKey(format!("news:{number}")), topics, content }
    }

    pub(crate) fn event(number: u32, day: u32) -> Entry {
        let from = NaiveDate::from_ymd_opt(2026, 12, day).unwrap();
        let content = Content::Event(Event {
            title: format!("Rencontre {number}"),
            summary: String::new(),
            url: None,
            place: Some("Dijon".to_owned()),
            when: When::Days { from, to: from },
            source: key("agenda"),
            source_name: "Agenda".to_owned(),
            cancelled: false,
        });
        Entry { key: EntryKey(format!("event:{number}:{from}")), topics: Vec::new(), content }
    }

    pub(crate) fn figure(place: usize, value: i64) -> Entry {
        let plan = parse(EXAMPLE).unwrap().figures[place].clone();
        let point = |edition: &str, value: i64, row: u32| Point {
            edition: edition.to_owned(),
            stratum: String::new(),
            value: Decimal::new(value, 1),
            unit: Unit::Percent,
            base: Some(157),
            row,
        };
        let (previous, latest) = (point("2017", value - 35, 1), point("2018", value, 2));
        let chart = Chart { kind: ChartKind::Line, points: vec![previous.clone(), latest.clone()] };
        let entry_key = EntryKey(format!("figure:{}:{}", plan.dataset, plan.indicator));
        let content = Content::Figure(Figure {
            indicator: plan.indicator,
            name: plan.name,
            latest,
            previous: Some(previous),
            chart: Some(chart),
            dataset: plan.dataset,
            dataset_version: 3,
        });
        Entry { key: entry_key, topics: plan.topics, content }
    }

    pub(crate) fn consultation(number: u32, phase: Phase) -> Entry {
        let content = Content::Consultation(Consultation {
            slug: format!("place-{number}"),
            title: french("La place du marché"),
            phase,
            path: format!("/consultations/place-{number}"),
            ballots: Some(412),
            results: Vec::new(),
        });
        Entry { key: EntryKey(format!("consultation:{number}")), topics: Vec::new(), content }
    }

    fn moment(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn inputs(definition: &Definition, candidates: Vec<Entry>) -> Inputs<'_> {
        let now = moment("2026-11-23T06:00:00Z");
        let record = |key: &str, is_failing| SourceRecord {
            key: key.parse().unwrap(),
            name: key.to_owned(),
            url: Some("https://example.org/".to_owned()),
            query: String::new(),
            entries: 9,
            succeeded_at: None,
            is_failing,
        };
        Inputs {
            definition,
            definition_version: 2,
            period: Period::of(Cadence::Weekly, now, definition.time_zone),
            window: window(Cadence::Weekly, None, now, definition.time_zone),
            candidates,
            sources: vec![record("portail", false), record("actualites", true)],
            limits: Limits::default(),
        }
    }

    #[test]
    fn sections_are_in_order_and_bounded_and_the_foot_counts_them() {
        let definition = parse(EXAMPLE).unwrap();
        let mut candidates: Vec<Entry> = (1..=20).map(|number| news(number, number)).collect();
        candidates.extend([event(2, 9), event(1, 4), figure(1, 120), figure(0, 801)]);
        let closed = Phase::Closed { closed_at: moment("2026-11-20T10:00:00Z") };
        let closing = Phase::Closing { closes_at: moment("2026-11-28T10:00:00Z") };
        candidates.extend([
            consultation(1, closed),
            consultation(2, Phase::Opened { closes_at: None }),
            consultation(3, closing),
        ]);
        let edition = assemble(inputs(&definition, candidates));
        let keys: Vec<&str> = edition.entries.iter().map(|entry| entry.key.0.as_str()).collect();
        assert_eq!(
            keys[..8],
            [
                "figure:barometre:Les outils numériques renforcent la participation citoyenne",
                "figure:recensement:collectivités using digital participation tools",
                "consultation:3",
                "consultation:2",
                "consultation:1",
                "news:20",
                "news:19",
                "news:18",
            ]
        );
        assert_eq!(keys[16..], ["news:9", "event:1:2026-12-04", "event:2:2026-12-09"]);
        let foot = edition.sources.iter().map(|record| (record.key.as_str(), record.entries, record.query.as_str()));
        let interval = "2026-11-16T06:00:00Z/2026-11-23T06:00:00Z";
        assert_eq!(foot.collect::<Vec<_>>(), [("actualites", 12, ""), ("crieur", 3, interval), ("portail", 1, "")]);
        assert!(edition.sources[0].is_failing);
    }

    #[test]
    fn a_window_begins_where_the_last_one_ended() {
        let (zone, now) = (chrono_tz::Europe::Paris, moment("2026-11-02T07:00:00Z"));
        let from = |cadence, last: Option<&str>| window(cadence, last.map(moment), now, zone).from.to_rfc3339();
        // A week back over the change of clocks, on the digest's clock: 8 in the morning both times.
        assert_eq!(from(Cadence::Weekly, Some("2026-10-26T07:00:00Z")), "2026-10-26T07:00:00+00:00");
        assert_eq!(from(Cadence::Weekly, None), "2026-10-26T07:00:00+00:00");
        // A fortnight at most.
        assert_eq!(from(Cadence::Weekly, Some("2026-01-01T00:00:00Z")), "2026-10-19T06:00:00+00:00");
        assert_eq!(from(Cadence::Monthly, None), "2026-10-02T06:00:00+00:00");
        assert_eq!(from(Cadence::Monthly, Some("2026-01-01T00:00:00Z")), "2026-09-02T06:00:00+00:00");
        // A clock that went back.
        assert_eq!(from(Cadence::Weekly, Some("2027-01-01T00:00:00Z")), "2026-11-02T06:59:59+00:00");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn whatever_the_order_the_bytes_are_the_same(
            (entries, shuffled) in prop::collection::vec((0_u8..4, 1_u32..40, 1_u32..29), 0..40)
                .prop_map(|seeds| seeds.into_iter().map(|(kind, number, day)| match kind {
                    0 => news(number, day),
                    1 => event(number, day),
                    2 => figure((number % 2) as usize, i64::from(100 + day)),
                    _ => consultation(number, Phase::Opened { closes_at: Some(moment("2026-12-01T08:00:00Z")) }),
                }).collect::<Vec<Entry>>())
                .prop_flat_map(|entries| (Just(entries.clone()), Just(entries).prop_shuffle())),
        ) {
            let definition = parse(EXAMPLE).unwrap();
            let mut reversed = inputs(&definition, shuffled);
            reversed.sources.reverse();
            let (one, other) = (assemble(inputs(&definition, entries)), assemble(reversed));
            let bytes = one.canonical().unwrap();
            prop_assert_eq!(&bytes, &other.canonical().unwrap());
            let back: Edition = serde_json::from_str(&bytes).unwrap();
            prop_assert_eq!(&back, &one);
            prop_assert_eq!(back.canonical().unwrap(), bytes);
        }
    }
}
