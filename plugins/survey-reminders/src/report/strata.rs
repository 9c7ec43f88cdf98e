//! The strata that response and coverage are counted by: type of collectivité, population, région.

use std::fmt;

use bot_core::Locale;
use bot_core::contacts::CollectiviteKind;
use serde::Serialize;

use super::words::text;

/// Inhabitants, in the bands of the report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Band {
    Under2000,
    From2000,
    From10000,
    From50000,
    From100000,
}

impl Band {
    pub const ALL: [Self; 5] = [Self::Under2000, Self::From2000, Self::From10000, Self::From50000, Self::From100000];

    pub fn of(population: u32) -> Self {
        match population {
            0..2_000 => Self::Under2000,
            2_000..10_000 => Self::From2000,
            10_000..50_000 => Self::From10000,
            50_000..100_000 => Self::From50000,
            100_000.. => Self::From100000,
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::Under2000 => "0-1999",
            Self::From2000 => "2000-9999",
            Self::From10000 => "10000-49999",
            Self::From50000 => "50000-99999",
            Self::From100000 => "100000-",
        }
    }
}

/// A région by its official geographic code (INSEE), or the overseas collectivités that are in none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Region(&'static str);

/// Code officiel géographique, régions since 2016; the last line is ours.
const REGIONS: [(&str, &str); 19] = [
    ("84", "Auvergne-Rhône-Alpes"),
    ("27", "Bourgogne-Franche-Comté"),
    ("53", "Bretagne"),
    ("24", "Centre-Val de Loire"),
    ("94", "Corse"),
    ("44", "Grand Est"),
    ("32", "Hauts-de-France"),
    ("11", "Île-de-France"),
    ("28", "Normandie"),
    ("75", "Nouvelle-Aquitaine"),
    ("76", "Occitanie"),
    ("52", "Pays de la Loire"),
    ("93", "Provence-Alpes-Côte d’Azur"),
    ("01", "Guadeloupe"),
    ("03", "Guyane"),
    ("04", "La Réunion"),
    ("02", "Martinique"),
    ("06", "Mayotte"),
    ("outre-mer", "Collectivités d’outre-mer"),
];

impl Region {
    /// Metropolitan ones by name, then overseas.
    pub fn all() -> impl Iterator<Item = Self> {
        REGIONS.iter().map(|(code, _)| Self(code))
    }

    /// Finds a région by its code (a spreadsheet may have eaten the zero) or its name, however that is written.
    pub fn read(text: &str) -> Option<Self> {
        let wanted = folded(text);
        let padded = if wanted.len() == 1 { format!("0{wanted}") } else { wanted };
        let found = REGIONS.iter().find(|(code, name)| folded(code) == padded || folded(name) == padded);
        found.map(|(code, _)| Self(code))
    }

    /// The région of a collectivité by its codes: overseas collectivités have a département alone.
    pub fn of(region: Option<&str>, departement: Option<&str>) -> Option<Self> {
        region.and_then(Self::read).or_else(|| match departement? {
            "975" | "977" | "978" | "984" | "986" | "987" | "988" | "989" => Self::read("outre-mer"),
            _ => None,
        })
    }

    pub fn code(self) -> &'static str {
        self.0
    }

    pub fn name(self) -> &'static str {
        REGIONS.iter().find(|(code, _)| *code == self.0).map_or(self.0, |(_, name)| name)
    }

    fn place(self) -> usize {
        REGIONS.iter().position(|(code, _)| *code == self.0).unwrap_or(REGIONS.len())
    }
}

/// One way to divide the collectivités, each with a table of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    Kind,
    Population,
    Region,
}

impl Dimension {
    pub const ALL: [Self; 3] = [Self::Kind, Self::Population, Self::Region];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Population => "population",
            Self::Region => "region",
        }
    }
}

/// A row of one of the tables; `None` where it is not known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stratum {
    Kind(Option<CollectiviteKind>),
    Population(Option<Band>),
    Region(Option<Region>),
}

impl Stratum {
    pub fn dimension(self) -> Dimension {
        match self {
            Self::Kind(_) => Dimension::Kind,
            Self::Population(_) => Dimension::Population,
            Self::Region(_) => Dimension::Region,
        }
    }

    pub fn is_known(self) -> bool {
        !matches!(self, Self::Kind(None) | Self::Population(None) | Self::Region(None))
    }

    /// For files and programs; empty where it is not known.
    pub fn code(self) -> &'static str {
        match self {
            Self::Kind(kind) => kind.map_or("", CollectiviteKind::as_str),
            Self::Population(band) => band.map_or("", Band::code),
            Self::Region(region) => region.map_or("", Region::code),
        }
    }

    pub fn label(self, locale: Locale) -> String {
        let said = |id: &str| text(locale, id, &[]);
        match self {
            Self::Kind(Some(CollectiviteKind::Commune)) => said("report-kind-commune"),
            Self::Kind(Some(CollectiviteKind::Epci)) => said("report-kind-epci"),
            Self::Kind(Some(CollectiviteKind::Departement)) => said("report-kind-departement"),
            Self::Kind(Some(CollectiviteKind::Region)) => said("report-kind-region"),
            Self::Kind(Some(CollectiviteKind::Other)) => said("report-kind-other"),
            Self::Population(Some(Band::Under2000)) => said("report-band-under-2000"),
            Self::Population(Some(Band::From2000)) => said("report-band-2000"),
            Self::Population(Some(Band::From10000)) => said("report-band-10000"),
            Self::Population(Some(Band::From50000)) => said("report-band-50000"),
            Self::Population(Some(Band::From100000)) => said("report-band-100000"),
            Self::Region(Some(region)) => region.name().to_owned(),
            Self::Kind(None) | Self::Population(None) | Self::Region(None) => said("report-unknown"),
        }
    }

    /// The order of the tables and of their rows, what is not known last.
    fn place(self) -> (Dimension, usize) {
        let place = match self {
            Self::Kind(kind) => CollectiviteKind::ALL.iter().position(|one| Some(*one) == kind),
            Self::Population(band) => Band::ALL.iter().position(|one| Some(*one) == band),
            Self::Region(region) => region.map(Region::place),
        };
        (self.dimension(), place.unwrap_or(usize::MAX))
    }
}

impl PartialOrd for Stratum {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Stratum {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place().cmp(&other.place())
    }
}

impl fmt::Display for Stratum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.dimension().as_str(), self.code())
    }
}

/// A name without capitals, accents and signs, for comparing what people type.
pub(crate) fn folded(text: &str) -> String {
    let plain = |letter: char| match letter {
        'à' | 'â' | 'ä' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' => 'i',
        'ô' | 'ö' => 'o',
        'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        other => other,
    };
    text.to_lowercase().chars().map(plain).filter(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_meet_without_gap() {
        let edges = [0, 1_999, 2_000, 9_999, 10_000, 49_999, 50_000, 99_999, 100_000, u32::MAX];
        let bands: Vec<&str> = edges.into_iter().map(|population| Band::of(population).code()).collect();
        assert_eq!(
            bands,
            [
                "0-1999",
                "0-1999",
                "2000-9999",
                "2000-9999",
                "10000-49999",
                "10000-49999",
                "50000-99999",
                "50000-99999",
                "100000-",
                "100000-"
            ]
        );
    }

    #[test]
    fn a_region_is_known_by_code_and_by_name() {
        for (written, code) in [
            ("52", "52"),
            ("1", "01"),
            ("PAYS DE LA LOIRE", "52"),
            ("Provence-Alpes-Côte d'Azur", "93"),
            ("ile de france", "11"),
            ("Réunion", ""),
            ("La Réunion", "04"),
            ("Bretaña", ""),
        ] {
            assert_eq!(Region::read(written).map_or("", Region::code), code, "{written}");
        }
        assert_eq!(Region::of(None, Some("988")).map(Region::name), Some("Collectivités d’outre-mer"));
        assert_eq!(Region::of(None, Some("44")), None);
    }
}
