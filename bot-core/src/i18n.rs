//! What crieur says, in French and in English: Fluent texts, numbers, dates and durations.
//!
//! A text that lacks in one language is said in the other, and one that lacks in both by its id: a person gets an
//! answer whatever we forgot, and the log a warning. [`Catalogue::missing`] finds such gaps before that.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentError, FluentResource, FluentValue};
use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use unic_langid::langid;

use crate::locale::Locale;

/// The core's own texts, for [`Catalogue::new`].
pub const CORE_TEXTS: [(Locale, &str); 2] =
    [(Locale::Fr, include_str!("../locales/fr.ftl")), (Locale::En, include_str!("../locales/en.ftl"))];

/// Texts in both languages, from one or more Fluent sources each.
pub struct Catalogue {
    french: Texts,
    english: Texts,
}

struct Texts {
    bundle: FluentBundle<FluentResource>,
    /// The variables of each text.
    variables: BTreeMap<String, BTreeSet<String>>,
}

/// What stands for a variable of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument<'a> {
    Words(Cow<'a, str>),
    /// Written as the language writes numbers, and counted by its plural rules. Exact within ±2⁵³.
    Number(i64),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    #[error("line {line} of a text source in {locale} cannot be read ({problem}): write `id = text`")]
    Syntax { locale: Locale, line: usize, problem: String },
    #[error("the text `{id}` stands twice in {locale}: rename one of the two")]
    Duplicate { locale: Locale, id: String },
}

impl Catalogue {
    /// # Errors
    /// When a source is not Fluent, or an id is used twice in one language.
    pub fn new(sources: &[(Locale, &'static str)]) -> Result<Self, CatalogueError> {
        let mut catalogue = Self { french: Texts::new(Locale::Fr), english: Texts::new(Locale::En) };
        for &(locale, source) in sources {
            let texts = match locale {
                Locale::Fr => &mut catalogue.french,
                Locale::En => &mut catalogue.english,
            };
            texts.add(locale, source)?;
        }
        Ok(catalogue)
    }

    /// The text `id` in `locale`, else in the other language, else `id` itself. A variable without an argument shows
    /// its name.
    pub fn text(&self, locale: Locale, id: &str, args: &[(&str, Argument<'_>)]) -> String {
        let own = self.texts(locale).format(id, args);
        let found = own.or_else(|| {
            tracing::warn!(text.id = id, text.locale = %locale, "No text `{id}` in {locale}");
            self.texts(other(locale)).format(id, args)
        });
        let Some((text, errors)) = found else { return id.to_owned() };
        for error in errors {
            // Names of variables and texts only, no value.
            tracing::warn!(text.id = id, text.locale = %locale, "The text `{id}` in {locale} is incomplete: {error}");
        }
        text
    }

    /// Texts that only one of the two languages has, and variables that only one of a text's two versions names:
    /// a sentence each. A test of every catalogue holds this to be empty.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for locale in Locale::ALL {
            let (here, there) = (&self.texts(locale).variables, &self.texts(other(locale)).variables);
            for (id, variables) in there {
                let Some(own) = here.get(id) else {
                    missing.push(format!("the text `{id}` is missing in {locale}"));
                    continue;
                };
                let forgotten = variables.difference(own);
                missing.extend(forgotten.map(|name| format!("the text `{id}` does not say ${name} in {locale}")));
            }
        }
        missing
    }

    fn texts(&self, locale: Locale) -> &Texts {
        match locale {
            Locale::Fr => &self.french,
            Locale::En => &self.english,
        }
    }
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalogue").field("texts", &self.french.variables.len()).finish_non_exhaustive()
    }
}

fn other(locale: Locale) -> Locale {
    match locale {
        Locale::Fr => Locale::En,
        Locale::En => Locale::Fr,
    }
}

impl Texts {
    fn new(locale: Locale) -> Self {
        let mut bundle = FluentBundle::new_concurrent(vec![match locale {
            Locale::Fr => langid!("fr"),
            Locale::En => langid!("en"),
        }]);
        // The invisible marks around arguments would count against the platforms' limits, and both languages are
        // written from left to right.
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(match locale {
            Locale::Fr => |value, _| number_words(Locale::Fr, value),
            Locale::En => |value, _| number_words(Locale::En, value),
        }));
        // A new bundle has no function of that name yet, which is all that could be refused.
        let _ = bundle.add_builtins();
        Self { bundle, variables: BTreeMap::new() }
    }

    fn add(&mut self, locale: Locale, source: &'static str) -> Result<(), CatalogueError> {
        let resource = FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| {
            let (line, problem) = errors.first().map_or((1, String::new()), |error| {
                (source[..error.pos.start.min(source.len())].matches('\n').count() + 1, error.kind.to_string())
            });
            CatalogueError::Syntax { locale, line, problem }
        })?;
        for (id, pattern) in patterns(&resource) {
            let mut names = BTreeSet::new();
            variables_of(pattern, &mut names);
            if self.variables.insert(id.to_owned(), names).is_some() {
                return Err(CatalogueError::Duplicate { locale, id: id.to_owned() });
            }
        }
        self.bundle.add_resource(resource).map_err(|errors| {
            let id = errors.into_iter().find_map(|error| match error {
                FluentError::Overriding { id, .. } => Some(id),
                _ => None,
            });
            CatalogueError::Duplicate { locale, id: id.unwrap_or_default() }
        })
    }

    fn format(&self, id: &str, args: &[(&str, Argument<'_>)]) -> Option<(String, Vec<FluentError>)> {
        let pattern = self.bundle.get_message(id)?.value()?;
        let args: FluentArgs<'_> = args.iter().map(|(name, argument)| (*name, argument.clone())).collect();
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
        Some((text, errors))
    }
}

/// The texts of a source: messages by id, attributes by `id.attribute`, terms by `-id`.
fn patterns(resource: &FluentResource) -> Vec<(String, &Pattern<&str>)> {
    let mut found = Vec::new();
    for entry in resource.entries() {
        let (id, value, attributes) = match entry {
            Entry::Message(message) => (message.id.name.to_owned(), message.value.as_ref(), &message.attributes),
            Entry::Term(term) => (format!("-{}", term.id.name), Some(&term.value), &term.attributes),
            _ => continue,
        };
        found.extend(attributes.iter().map(|attribute| (format!("{id}.{}", attribute.id.name), &attribute.value)));
        found.extend(value.map(|value| (id, value)));
    }
    found
}

fn variables_of(pattern: &Pattern<&str>, names: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            variables_of_expression(expression, names);
        }
    }
}

fn variables_of_expression(expression: &Expression<&str>, names: &mut BTreeSet<String>) {
    let inline = match expression {
        Expression::Select { selector, variants } => {
            variants.iter().for_each(|variant| variables_of(&variant.value, names));
            selector
        }
        Expression::Inline(inline) => inline,
    };
    match inline {
        InlineExpression::VariableReference { id } => {
            names.insert(id.name.to_owned());
        }
        InlineExpression::FunctionReference { arguments, .. } => {
            for argument in &arguments.positional {
                if let InlineExpression::VariableReference { id } = argument {
                    names.insert(id.name.to_owned());
                }
            }
        }
        InlineExpression::Placeable { expression } => variables_of_expression(expression, names),
        _ => {}
    }
}

impl<'a> From<&'a str> for Argument<'a> {
    fn from(words: &'a str) -> Self {
        Self::Words(words.into())
    }
}

impl<'a> From<&'a String> for Argument<'a> {
    fn from(words: &'a String) -> Self {
        Self::Words(words.as_str().into())
    }
}

impl From<String> for Argument<'_> {
    fn from(words: String) -> Self {
        Self::Words(words.into())
    }
}

macro_rules! number_from {
    ($($integer:ty)+) => {$(
        impl From<$integer> for Argument<'_> {
            fn from(number: $integer) -> Self {
                Self::Number(i64::from(number))
            }
        }
    )+};
}
number_from!(i16 i32 i64 u8 u16 u32);

impl From<usize> for Argument<'_> {
    fn from(count: usize) -> Self {
        // What is counted in memory is far below.
        Self::Number(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl<'a> From<Argument<'a>> for FluentValue<'a> {
    fn from(argument: Argument<'a>) -> Self {
        match argument {
            Argument::Words(words) => Self::String(words),
            Argument::Number(number) => number.into(),
        }
    }
}

/// A number in words of the language: `12 345` with narrow no-break spaces (U+202F) in French, `12,345` in English.
pub fn number(locale: Locale, number: i64) -> String {
    grouped(locale, &number.to_string())
}

fn number_words(locale: Locale, value: &FluentValue<'_>) -> Option<String> {
    let FluentValue::Number(number) = value else { return None };
    let digits = number.as_string();
    Some(if number.options.use_grouping { grouped(locale, &digits) } else { digits.replace('.', decimal_mark(locale)) })
}

fn decimal_mark(locale: Locale) -> &'static str {
    match locale {
        Locale::Fr => ",",
        Locale::En => ".",
    }
}

fn grouped(locale: Locale, digits: &str) -> String {
    let (sign, digits) = if let Some(digits) = digits.strip_prefix('-') { ("-", digits) } else { ("", digits) };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let thousands = match locale {
        Locale::Fr => '\u{202f}',
        Locale::En => ',',
    };
    let mut words = sign.to_owned();
    for (index, digit) in whole.char_indices() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            words.push(thousands);
        }
        words.push(digit);
    }
    if !fraction.is_empty() {
        words.push_str(decimal_mark(locale));
        words.push_str(fraction);
    }
    words
}

const WEEKDAYS: [[&str; 7]; 2] = [
    ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
];

const MONTHS: [[&str; 12]; 2] = [
    [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
];

/// The day and time that clocks in `time_zone` show, in words: « samedi 21 novembre 2026 à 18 h 30 »,
/// “Saturday 21 November 2026 at 18:30”. No line breaks within the time: its spaces are U+00A0 in French.
pub fn date_time(locale: Locale, moment: DateTime<Utc>, time_zone: Tz) -> String {
    let local = moment.with_timezone(&time_zone);
    let (hour, minute) = (local.hour(), local.minute());
    let day = date(locale, moment, time_zone);
    let time = time_of_day(locale, hour, minute);
    match locale {
        Locale::Fr => format!("{day} à {time}"),
        Locale::En => format!("{day} at {time}"),
    }
}

/// Hour and minute alone: « 18 h 30 », “18:30”. Spaces are U+00A0.
pub fn time_of_day(locale: Locale, hour: u32, minute: u32) -> String {
    match locale {
        Locale::Fr if minute == 0 => format!("{hour}\u{a0}h"),
        Locale::Fr => format!("{hour}\u{a0}h\u{a0}{minute:02}"),
        Locale::En => format!("{hour:02}:{minute:02}"),
    }
}

/// The day alone: « mardi 1er décembre 2026 », “Tuesday 1 December 2026”.
pub fn date(locale: Locale, moment: DateTime<Utc>, time_zone: Tz) -> String {
    let day = moment.with_timezone(&time_zone).date_naive();
    format!("{} {} {}", weekday(locale, day.weekday()), day_and_month(locale, day), day.year())
}

/// A day of any year: « 1er mai », “1 May”.
pub fn day_and_month(locale: Locale, day: NaiveDate) -> String {
    let month = MONTHS[language(locale)][day.month0() as usize];
    let first = if locale == Locale::Fr && day.day() == 1 { "er" } else { "" };
    format!("{}{first} {month}", day.day())
}

/// « lundi », “Monday”.
pub fn weekday(locale: Locale, weekday: Weekday) -> &'static str {
    WEEKDAYS[language(locale)][weekday.num_days_from_monday() as usize]
}

/// Which row of the names above.
fn language(locale: Locale) -> usize {
    match locale {
        Locale::Fr => 0,
        Locale::En => 1,
    }
}

/// A length of time in its two largest units, rounded down: « 2 jours », « 3 heures et 20 minutes ». Less than a
/// minute, or nothing left, is « moins d’une minute ».
pub fn duration(locale: Locale, length: TimeDelta) -> String {
    const NAMES: [[[&str; 2]; 3]; 2] = [
        [["jour", "jours"], ["heure", "heures"], ["minute", "minutes"]],
        [["day", "days"], ["hour", "hours"], ["minute", "minutes"]],
    ];
    let (names, and, less) = match locale {
        Locale::Fr => (NAMES[0], "et", "moins d’une minute"),
        Locale::En => (NAMES[1], "and", "less than a minute"),
    };
    let minutes = length.num_minutes().max(0);
    let counts = [minutes / (24 * 60), minutes / 60 % 24, minutes % 60];
    let Some(largest) = counts.iter().position(|&count| count > 0) else { return less.to_owned() };
    let parts = counts.iter().zip(names).skip(largest).take(2).filter(|&(&count, _)| count > 0);
    let parts: Vec<String> = parts
        .map(|(&count, [one, many])| format!("{} {}", number(locale, count), if count == 1 { one } else { many }))
        .collect();
    parts.join(&format!(" {and} "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(french: &'static str, english: &'static str) -> Catalogue {
        Catalogue::new(&[(Locale::Fr, french), (Locale::En, english)]).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn threads_share_a_catalogue() {
        fn is_shared<T: Send + Sync>(_: &T) {}
        is_shared(&catalogue("", ""));
    }

    #[test]
    fn the_core_says_the_same_in_both_languages() {
        let core = Catalogue::new(&CORE_TEXTS).unwrap();
        assert_eq!(core.missing(), [""; 0]);
        for locale in Locale::ALL {
            for (id, variables) in &core.texts(locale).variables {
                let args: Vec<(&str, Argument<'_>)> = variables.iter().map(|name| (name.as_str(), 2.into())).collect();
                let (text, errors) = core.texts(locale).format(id, &args).unwrap();
                assert_eq!(errors, [], "{id} in {locale}");
                assert!(!text.contains(['{', '}']), "{id} in {locale}: {text}");
                assert!(text.chars().count() < 400, "{id} in {locale} is too long to be read");
            }
        }
    }

    #[test]
    fn french_marks_keep_to_their_words() {
        let (_, french) = CORE_TEXTS[0];
        for line in french.lines().filter(|line| !line.starts_with('#')) {
            for wrong in [" ;", " !", " ?", " :", "\u{a0};", "\u{a0}!", "\u{a0}?", "\u{202f}:", "« ", " »", "'", "..."]
            {
                assert!(!line.contains(wrong), "`{wrong}` in: {line}");
            }
            for mark in [';', '!', '?'] {
                let bare = line.match_indices(mark).any(|(at, _)| !line[..at].ends_with('\u{202f}'));
                assert!(!bare, "no narrow space before `{mark}` in: {line}");
            }
        }
    }

    #[test]
    fn arguments_are_counted_and_written_the_way_of_the_language() {
        let french = "voix = { $count ->\n    [one] { $count } voix\n   *[other] { $count } voix en tout, { $who }\n}\nan = { NUMBER($year, useGrouping: \"false\") }\npi = { 3.50 }";
        let english = "voix = { $count ->\n    [one] { $count } vote\n   *[other] { $count } votes in all, { $who }\n}\nan = { NUMBER($year, useGrouping: \"false\") }\npi = { 3.50 }";
        let catalogue = catalogue(french, english);
        assert_eq!(catalogue.missing(), [""; 0]);
        let said =
            |locale, count: i64| catalogue.text(locale, "voix", &[("count", count.into()), ("who", "Zoé".into())]);
        assert_eq!(said(Locale::Fr, 0), "0 voix");
        assert_eq!(said(Locale::En, 0), "0 votes in all, Zoé");
        assert_eq!(said(Locale::En, 1), "1 vote");
        assert_eq!(said(Locale::Fr, 1_234_567), "1\u{202f}234\u{202f}567 voix en tout, Zoé");
        assert_eq!(said(Locale::En, -1234), "-1,234 votes in all, Zoé");
        assert_eq!(catalogue.text(Locale::Fr, "an", &[("year", 2026.into())]), "2026");
        assert_eq!(catalogue.text(Locale::Fr, "pi", &[]), "3,50");
        assert_eq!(catalogue.text(Locale::En, "pi", &[]), "3.50");
        // Words stay as they are, also when they look like a number.
        assert_eq!(
            catalogue.text(Locale::En, "voix", &[("count", "1234".into()), ("who", String::new().into())]),
            "1234 votes in all, "
        );
        assert_eq!(number(Locale::Fr, 999), "999");
        assert_eq!(number(Locale::En, -100_000), "-100,000");
        assert_eq!(number(Locale::En, i64::MIN), "-9,223,372,036,854,775,808");
    }

    #[test]
    fn what_lacks_is_said_in_the_other_language_then_by_its_id() {
        let catalogue = catalogue("bonjour = Bonjour { $name }", "hello = Hello");
        assert_eq!(catalogue.text(Locale::En, "bonjour", &[("name", "Zoé".into())]), "Bonjour Zoé");
        assert_eq!(catalogue.text(Locale::Fr, "hello", &[]), "Hello");
        assert_eq!(catalogue.text(Locale::Fr, "adieu", &[]), "adieu");
        assert_eq!(catalogue.text(Locale::Fr, "bonjour", &[]), "Bonjour {$name}");
    }

    #[test]
    fn gaps_are_found_in_texts_and_in_their_variables() {
        let french = "a = { $x } { $y ->\n   *[other] { $z }\n}\nb = B\n    .titre = { $t }\n-c = { NUMBER($n) }";
        let english = "a = { $x } { $w }\nd = D";
        assert_eq!(
            catalogue(french, english).missing(),
            [
                "the text `a` does not say $w in fr",
                "the text `d` is missing in fr",
                "the text `-c` is missing in en",
                "the text `a` does not say $y in en",
                "the text `a` does not say $z in en",
                "the text `b` is missing in en",
                "the text `b.titre` is missing in en",
            ]
        );
    }

    #[test]
    fn a_wrong_source_is_refused_with_its_line() {
        let error = Catalogue::new(&[(Locale::Fr, "a = A\nb B\n")]).unwrap_err();
        assert!(matches!(error, CatalogueError::Syntax { locale: Locale::Fr, line: 2, .. }), "{error}");
        let error =
            Catalogue::new(&[(Locale::En, "a = A\n"), (Locale::Fr, "a = A\n"), (Locale::En, "a = B\n")]).unwrap_err();
        assert_eq!(error.to_string(), "the text `a` stands twice in en: rename one of the two");
        let error = Catalogue::new(&[(Locale::En, "a = A\na = B\n")]).unwrap_err();
        assert_eq!(error, CatalogueError::Duplicate { locale: Locale::En, id: "a".to_owned() });
    }

    #[test]
    fn dates_are_said_in_local_words() {
        let evening = at("2026-11-21T17:30:00Z");
        assert_eq!(date_time(Locale::Fr, evening, Tz::Europe__Paris), "samedi 21 novembre 2026 à 18\u{a0}h\u{a0}30");
        assert_eq!(date_time(Locale::En, evening, Tz::Europe__Paris), "Saturday 21 November 2026 at 18:30");
        assert_eq!(date_time(Locale::Fr, evening, Tz::Pacific__Noumea), "dimanche 22 novembre 2026 à 4\u{a0}h\u{a0}30");
        let first = at("2026-11-30T23:05:00Z");
        assert_eq!(date_time(Locale::Fr, first, Tz::Europe__Paris), "mardi 1er décembre 2026 à 0\u{a0}h\u{a0}05");
        assert_eq!(date_time(Locale::En, first, Tz::Europe__Paris), "Tuesday 1 December 2026 at 00:05");
        assert_eq!(
            date_time(Locale::Fr, at("2026-07-14T07:00:00Z"), Tz::Europe__Paris),
            "mardi 14 juillet 2026 à 9\u{a0}h"
        );
        assert_eq!(date(Locale::Fr, at("2026-08-02T22:00:00Z"), Tz::Europe__Paris), "lundi 3 août 2026");
    }

    #[test]
    fn durations_are_said_in_two_units_at_most() {
        for (length, french, english) in [
            (TimeDelta::days(2), "2 jours", "2 days"),
            (TimeDelta::hours(3), "3 heures", "3 hours"),
            (TimeDelta::minutes(10), "10 minutes", "10 minutes"),
            (TimeDelta::seconds(89), "1 minute", "1 minute"),
            (TimeDelta::minutes(25 * 60 + 59), "1 jour et 1 heure", "1 day and 1 hour"),
            (TimeDelta::minutes(24 * 60 + 59), "1 jour", "1 day"),
            (TimeDelta::minutes(200), "3 heures et 20 minutes", "3 hours and 20 minutes"),
            (TimeDelta::days(1500), "1\u{202f}500 jours", "1,500 days"),
            (TimeDelta::seconds(59), "moins d’une minute", "less than a minute"),
            (TimeDelta::days(-1), "moins d’une minute", "less than a minute"),
        ] {
            assert_eq!(duration(Locale::Fr, length), french);
            assert_eq!(duration(Locale::En, length), english);
        }
    }
}
