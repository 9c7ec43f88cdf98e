//! What a query can ask of a contact.

use std::fmt;

use super::shown;
use crate::contacts::codes::{DepartementCode, RegionCode};
use crate::contacts::view::{CollectiviteKind, ContactView};
use crate::contacts::words::folded;
use crate::locale::Locale;
use crate::plugin::Purpose;

/// What is compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Key {
    ExternalId,
    Name,
    Collectivite,
    Type,
    Population,
    Departement,
    Region,
    Insee,
    Siren,
    Rank,
    Group,
    Language,
    TimeZone,
    Consent,
    Network,
    Bound,
    Stopped,
    /// A declared field, by its key.
    Field(String),
}

/// The names of keys, the printed one first; compared as [`folded`].
const NAMES: [(Key, &[&str]); 17] = [
    (Key::ExternalId, &["id", "identifiant"]),
    (Key::Name, &["name", "nom"]),
    (Key::Collectivite, &["collectivite"]),
    (Key::Type, &["type"]),
    (Key::Population, &["population", "habitants"]),
    (Key::Departement, &["departement"]),
    (Key::Region, &["region"]),
    (Key::Insee, &["insee"]),
    (Key::Siren, &["siren"]),
    (Key::Rank, &["rank", "rang"]),
    (Key::Group, &["group", "groupe"]),
    (Key::Language, &["language", "langue"]),
    (Key::TimeZone, &["zone", "fuseau"]),
    (Key::Consent, &["consent", "accord"]),
    (Key::Network, &["network", "reseau"]),
    (Key::Bound, &["bound", "joint"]),
    (Key::Stopped, &["stopped", "desinscrit"]),
];

impl Key {
    /// By a name of [`NAMES`], or `field.key` (`champ.key`).
    pub(super) fn named(name: &str) -> Option<Self> {
        if let Some((prefix, field)) = name.split_once('.') {
            let is_key = field.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
                && field.len() <= 40
                && field.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            return (matches!(folded(prefix).as_str(), "field" | "champ") && is_key)
                .then(|| Self::Field(field.to_owned()));
        }
        let name = folded(name);
        NAMES.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(key, _)| key.clone())
    }

    pub(super) fn known() -> String {
        let names: Vec<&str> = NAMES.iter().map(|(_, names)| names[0]).collect();
        format!("{} or field.NAME", names.join(", "))
    }

    /// Whether it has an order.
    pub(super) fn is_ordered(&self) -> bool {
        matches!(self, Self::Population | Self::Rank | Self::Field(_))
    }

    /// Whether a part of its text can be asked for.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::ExternalId | Self::Name | Self::Collectivite | Self::TimeZone | Self::Field(_))
    }

    /// The value as it is stored, whatever the words for it; the empty text asks for what is not there.
    pub(super) fn settled(&self, value: &str) -> Result<String, String> {
        if value.is_empty() {
            return match self {
                Self::Bound | Self::Stopped => Err("yes or no".to_owned()),
                _ => Ok(String::new()),
            };
        }
        let known = |found: Option<&str>, expected: &str| found.map(str::to_owned).ok_or_else(|| expected.to_owned());
        // `1` is written where `01` is meant.
        let padded = if value.len() == 1 { format!("0{value}") } else { value.to_owned() };
        match self {
            Self::Type => {
                known(kind_named(value).map(CollectiviteKind::as_str), "commune, epci, departement, region or other")
            }
            Self::Departement => padded.parse::<DepartementCode>().map(String::from).map_err(|error| error.to_string()),
            Self::Region => padded.parse::<RegionCode>().map(String::from).map_err(|error| error.to_string()),
            Self::Population => known(value.parse::<u32>().is_ok().then_some(value), "a whole number"),
            Self::Rank => known(matches!(value.parse(), Ok(1_u8..=99)).then_some(value), "a rank from 1 to 99"),
            Self::Language => known(language_named(value).map(Locale::as_str), "fr or en"),
            Self::Consent => known(purpose_named(value).map(Purpose::as_str), "consultation, reminder or digest"),
            Self::Bound | Self::Stopped => match folded(value).as_str() {
                "yes" | "oui" | "true" => Ok("yes".to_owned()),
                "no" | "non" | "false" => Ok("no".to_owned()),
                _ => Err("yes or no".to_owned()),
            },
            Self::ExternalId
            | Self::Name
            | Self::Collectivite
            | Self::Insee
            | Self::Siren
            | Self::Group
            | Self::TimeZone
            | Self::Network
            | Self::Field(_) => Ok(value.to_owned()),
        }
    }

    /// What `contact` has of it: none, one, or for some keys several.
    pub(super) fn held_by(&self, contact: &ContactView) -> Vec<String> {
        let body = contact.collectivite.as_ref();
        let one = |value: Option<String>| value.into_iter().collect::<Vec<_>>();
        let truth = |value: bool| vec![if value { "yes" } else { "no" }.to_owned()];
        match self {
            Self::ExternalId => one(contact.external_id.clone()),
            Self::Name => one(contact.name.clone()),
            Self::Collectivite => one(body.map(|body| body.name.clone())),
            Self::Type => one(body.map(|body| body.kind.as_str().to_owned())),
            Self::Population => one(body.and_then(|body| body.population).map(|count| count.to_string())),
            Self::Departement => one(body.and_then(|body| body.departement.clone())),
            Self::Region => one(body.and_then(|body| body.region.clone())),
            Self::Insee => one(body.and_then(|body| body.insee.clone())),
            Self::Siren => one(body.and_then(|body| body.siren.clone())),
            Self::Rank => one(contact.rank.map(|rank| rank.to_string())),
            Self::Group => contact.groups.clone(),
            Self::Language => one(contact.locale.map(|locale| locale.as_str().to_owned())),
            Self::TimeZone => one(contact.time_zone.clone()),
            Self::Consent => contact.consents.iter().map(|purpose| purpose.as_str().to_owned()).collect(),
            Self::Network => {
                let reach = &contact.reach;
                reach.last_used.iter().chain(&reach.others).map(|network| network.as_str().to_owned()).collect()
            }
            Self::Bound => truth(contact.reach.last_used.is_some()),
            Self::Stopped => truth(contact.stopped),
            Self::Field(key) => one(contact.fields.get(key).map(shown)),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(key) => write!(f, "field.{key}"),
            key => f.write_str(NAMES.iter().find(|(named, _)| named == key).map_or("", |(_, names)| names[0])),
        }
    }
}

/// A type of collectivité as French files name it.
pub(in crate::contacts) fn kind_named(name: &str) -> Option<CollectiviteKind> {
    Some(match folded(name).as_str() {
        "commune" | "ville" | "mairie" | "commune nouvelle" => CollectiviteKind::Commune,
        "epci"
        | "intercommunalite"
        | "metropole"
        | "communaute de communes"
        | "communaute d agglomeration"
        | "communaute urbaine"
        | "cc"
        | "ca"
        | "cu" => CollectiviteKind::Epci,
        "departement" | "conseil departemental" => CollectiviteKind::Departement,
        "region" | "conseil regional" => CollectiviteKind::Region,
        "other" | "autre" => CollectiviteKind::Other,
        _ => return None,
    })
}

/// A language by its code or its name.
pub(in crate::contacts) fn language_named(name: &str) -> Option<Locale> {
    match folded(name).as_str() {
        "fr" | "francais" | "french" | "fr fr" => Some(Locale::Fr),
        "en" | "anglais" | "english" | "en gb" | "en us" => Some(Locale::En),
        _ => None,
    }
}

fn purpose_named(name: &str) -> Option<Purpose> {
    match folded(name).as_str() {
        "consultation" => Some(Purpose::Consultation),
        "reminder" | "rappel" | "relance" => Some(Purpose::Reminder),
        "digest" | "lettre" => Some(Purpose::Digest),
        _ => None,
    }
}
