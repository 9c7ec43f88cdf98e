//! One entry in words: what its template may name, filled from the edition.

use bot_core::message::Block;
use bot_core::{Locale, i18n};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::message::Site;
use super::way::Form;
use super::{dates, numbers, wording};
use crate::edition::model::{
    Campaign, Consultation, Content, Edition, Entry, Event, Figure, News, Phase, Point, QuestionResult, Unit,
};
use crate::words::{count, text};

/// Longest title and longest name of a source in the short form, in characters.
const SHORT_WORDS_MAX: usize = 120;

/// For whom an edition is put into words.
#[derive(Clone, Copy)]
pub(super) struct Reading<'e> {
    pub number: u32,
    pub edition: &'e Edition,
    pub locale: Locale,
    pub form: Form,
    pub site: &'e Site,
}

impl Reading<'_> {
    /// An address of ours in the reader's language, or nothing where crieur has no public site.
    pub fn link(&self, path: &str) -> String {
        let language = match self.locale {
            Locale::Fr => "",
            Locale::En => "?lang=en",
        };
        // The language goes before the fragment.
        let end = path.find('#').unwrap_or(path.len());
        let (page, fragment) = path.split_at(end);
        self.site.address(&format!("{page}{language}{fragment}")).unwrap_or_default()
    }

    pub fn page(&self) -> String {
        self.link(&format!("/digests/{}", self.number))
    }

    /// What every template may name.
    pub fn everywhere(&self) -> Map<String, Value> {
        object(json!({
            "lettre": self.edition.title.in_locale(self.locale),
            "periode": dates::period(self.locale, self.edition.period),
            "numero": number(self.locale, self.number.into()),
        }))
    }

    /// A template in the reader's language, with `values` and what every template may name.
    pub fn say(&self, name: wording::Name, values: Value) -> Vec<Block> {
        let mut all = self.everywhere();
        all.extend(object(values));
        wording::say(name, self.locale, self.edition.wording.get(&self.locale), &all)
    }

    pub fn entry(&self, entry: &Entry) -> Vec<Block> {
        let (name, values) = match &entry.content {
            Content::Figure(figure) => (wording::Name::Figure, self.figure(figure)),
            Content::Consultation(consultation) => (wording::Name::Consultation, self.consultation(consultation)),
            Content::Campaign(campaign) => (wording::Name::Campaign, self.campaign(campaign)),
            Content::News(news) => (wording::Name::News, self.news(news)),
            Content::Event(event) => (wording::Name::Event, self.event(event)),
        };
        self.say(name, values)
    }

    fn figure(&self, figure: &Figure) -> Value {
        let (locale, latest) = (self.locale, &figure.latest);
        let row = |point: &Point| self.link(&row_path(figure, point));
        let compared = figure.previous.as_ref().and_then(|previous| {
            let change = numbers::change(locale, latest, previous)?;
            Some((change, previous.edition.as_str(), numbers::base(locale, previous.base)))
        });
        let (change, previous, previous_base) = compared.unwrap_or_default();
        json!({
            "nom": figure.name.in_locale(locale),
            "valeur": numbers::value(locale, latest.value, latest.unit),
            "edition": latest.edition,
            "strate": latest.stratum,
            "base": numbers::base(locale, latest.base),
            "evolution": change,
            "edition_precedente": previous,
            "base_precedente": previous_base,
            "lien": row(latest),
        })
    }

    fn consultation(&self, consultation: &Consultation) -> Value {
        let results = consultation.results.iter().map(|result| result_words(self.locale, result));
        let results: Vec<String> = match self.form {
            Form::Short => results.take(1).collect(),
            Form::Full => results.collect(),
        };
        let ballots = consultation.ballots;
        json!({
            "titre": self.shortened(consultation.title.in_locale(self.locale)),
            "etat": phase_words(self.locale, self.edition, &consultation.phase),
            "bulletins": ballots.map(|ballots| ballots_words(self.locale, ballots)).unwrap_or_default(),
            "resultats": results,
            "lien": self.link(&consultation.path),
        })
    }

    fn campaign(&self, campaign: &Campaign) -> Value {
        let locale = self.locale;
        json!({
            "titre": self.shortened(campaign.title.in_locale(locale)),
            "etat": phase_words(locale, self.edition, &campaign.phase),
            "participation": participation_words(locale, campaign).unwrap_or_default(),
            "reponses": number(locale, campaign.answered),
            "sollicites": number(locale, campaign.respondents),
            "taux": share(locale, campaign.answered, campaign.respondents).unwrap_or_default(),
        })
    }

    fn news(&self, news: &News) -> Value {
        json!({
            "titre": self.shortened(&news.title),
            "resume": self.summary(&news.summary),
            "source": self.shortened(&news.source_name),
            "jour": numbers::day(self.locale, news.published_on),
            "lien": news.url.as_deref().unwrap_or_default(),
        })
    }

    fn event(&self, event: &Event) -> Value {
        let cancelled = if event.cancelled { text(self.locale, "rendering-cancelled", &[]) } else { String::new() };
        json!({
            "titre": self.shortened(&event.title),
            "resume": self.summary(&event.summary),
            "quand": dates::when(self.locale, &event.when),
            "lieu": self.shortened(event.place.as_deref().unwrap_or_default()),
            "source": self.shortened(&event.source_name),
            "lien": event.url.as_deref().unwrap_or_default(),
            "annule": cancelled,
        })
    }

    fn summary<'w>(&self, words: &'w str) -> &'w str {
        match self.form {
            Form::Short => "",
            Form::Full => words,
        }
    }

    fn shortened(&self, words: &str) -> String {
        match (self.form, words.char_indices().nth(SHORT_WORDS_MAX)) {
            (Form::Short, Some((end, _))) => {
                // Between two words where there are any.
                let head = &words[..end];
                let whole = head.rsplit_once(char::is_whitespace).map_or(head, |(whole, _)| whole);
                format!("{}…", if whole.is_empty() { head } else { whole }.trim_end())
            }
            _ => words.to_owned(),
        }
    }
}

fn number(locale: Locale, number: u64) -> String {
    i18n::number(locale, i64::try_from(number).unwrap_or(i64::MAX))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

/// Where a row of the open data stands, below the public address.
pub fn row_path(figure: &Figure, point: &Point) -> String {
    format!("/digests/data/{}/{}#row-{}", figure.dataset, figure.dataset_version, point.row)
}

/// Whether it is open, closing or closed, and when, on the digest's clock.
pub fn phase_words(locale: Locale, edition: &Edition, phase: &Phase) -> String {
    let moment = |at| dates::moment(locale, at, edition.time_zone);
    match *phase {
        Phase::Opened { closes_at: None } => text(locale, "rendering-opened", &[]),
        Phase::Opened { closes_at: Some(at) } => {
            text(locale, "rendering-opened-until", &[("closing", moment(at).into())])
        }
        Phase::Closing { closes_at } => text(locale, "rendering-closing", &[("closing", moment(closes_at).into())]),
        Phase::Closed { closed_at } => {
            let day = dates::day_of(locale, closed_at, edition.time_zone);
            text(locale, "rendering-closed", &[("day", day.into())])
        }
    }
}

/// « 412 bulletins ».
pub fn ballots_words(locale: Locale, ballots: u64) -> String {
    text(locale, "rendering-ballots", &[("count", count(ballots))])
}

/// « 98 réponses sur 157 (62,4 %) »; `None` where nobody was asked.
pub fn participation_words(locale: Locale, campaign: &Campaign) -> Option<String> {
    let share = share(locale, campaign.answered, campaign.respondents)?;
    let arguments =
        [("answered", count(campaign.answered)), ("respondents", count(campaign.respondents)), ("share", share.into())];
    Some(text(locale, "rendering-participation", &arguments))
}

/// What leads in a question, with its base.
pub fn result_words(locale: Locale, result: &QuestionResult) -> String {
    let arguments = [
        ("question", result.question.in_locale(locale).into()),
        ("answer", result.answer.in_locale(locale).into()),
        ("votes", count(result.votes)),
        ("ballots", count(result.ballots)),
        ("share", share(locale, result.votes, result.ballots).unwrap_or_else(|| "–".to_owned()).into()),
    ];
    text(locale, "rendering-result", &arguments)
}

fn share(locale: Locale, part: u64, whole: u64) -> Option<String> {
    let percent = Decimal::from(part).checked_mul(Decimal::ONE_HUNDRED)?.checked_div(Decimal::from(whole))?;
    Some(numbers::value(locale, percent, Unit::Percent))
}
