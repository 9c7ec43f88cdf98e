//! What a digest says, read from the words that arrived and from nothing else.

/// One digest, as it was read. Kept by the million: see [`super::book`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest {
    /// The items whose titles it holds (see [`super::editions::bit`]).
    pub titles: u64,
    /// The number it bears.
    pub edition: u16,
    /// Of the introduction's text; 0 without one.
    pub introduction: u16,
    pub in_english: bool,
    /// It holds summaries.
    pub in_full: bool,
}

/// How the words of the digest begin in each language: its title, as the digest file has it.
pub const TITLE_FR: &str = "La lettre de l’observatoire";
pub const TITLE_EN: &str = "The digest of the observatory";

/// Words by which items, summaries and introductions are known again: `N012X3`.
pub fn mark(letter: char, first: u32, second: u32) -> String {
    format!("{letter}{first:03}X{second}")
}

/// The marks of one letter among `words`.
fn marks(words: &str, letter: char) -> impl Iterator<Item = (u32, u32)> {
    words.split(|sign: char| !sign.is_ascii_alphanumeric()).filter_map(move |word| {
        let (first, second) = word.strip_prefix(letter)?.split_once('X')?;
        (first.len() == 3).then_some((first.parse().ok()?, second.parse().ok()?))
    })
}

/// `None` when this is not how a digest begins.
pub fn digest(words: &str) -> Option<Digest> {
    let opening = words.lines().next()?;
    let in_english = opening.contains(TITLE_EN);
    if !in_english && !opening.contains(TITLE_FR) {
        return None;
    }
    // Every edition is opened with its number, by the digest file's own wording.
    let edition = number_after(words, if in_english { "Issue number " } else { "Numéro " })?;
    let introduction = marks(words, 'I').map(|(_, text)| text).next().unwrap_or_default();
    Some(Digest {
        titles: titles(words),
        edition,
        introduction: u16::try_from(introduction).unwrap_or(u16::MAX),
        in_english,
        in_full: marks(words, 'S').next().is_some(),
    })
}

/// What a later part of a digest adds.
pub struct More {
    pub titles: u64,
    pub in_full: bool,
}

pub fn more(words: &str) -> More {
    More { titles: titles(words), in_full: marks(words, 'S').next().is_some() }
}

fn number_after(words: &str, before: &str) -> Option<u16> {
    let (_, rest) = words.split_once(before)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The items whose titles stand in `words`.
pub fn titles(words: &str) -> u64 {
    marks(words, 'N').fold(0, |titles, (week, place)| titles | super::editions::bit(week, place))
}
