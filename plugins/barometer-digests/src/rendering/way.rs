//! A way of reading: what makes two readers' messages the same.

use std::fmt;
use std::str::FromStr;

use bot_core::Locale;

use crate::definition::Key;

/// Readers of the same way get the same message, laid out and stored once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Way {
    pub locale: Locale,
    pub form: Form,
    /// Sorted, each once. Empty: all of them. A topic that left the digest file chooses nothing.
    pub topics: Vec<Key>,
}

impl Way {
    /// Sorts `topics` and keeps each once.
    pub fn new(locale: Locale, form: Form, mut topics: Vec<Key>) -> Self {
        topics.sort();
        topics.dedup();
        Self { locale, form, topics }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Form {
    /// A line for each entry.
    Short,
    /// With summaries, bases and pictures.
    Full,
}

/// What an edition without anything for a reader is to them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WhenEmpty {
    /// A message that says so.
    SaySo,
    StaySilent,
}

impl Form {
    pub const ALL: [Self; 2] = [Self::Short, Self::Full];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Full => "full",
        }
    }
}

impl WhenEmpty {
    pub const ALL: [Self; 2] = [Self::SaySo, Self::StaySilent];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::SaySo => "say_so",
            Self::StaySilent => "stay_silent",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Form {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|form| form.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is no form: write short or full"))
    }
}

impl fmt::Display for WhenEmpty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for WhenEmpty {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|choice| choice.as_str() == text);
        found.ok_or_else(|| format!("`{text}` says nothing about empty editions: write say_so or stay_silent"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_topics_are_the_same_way_in_whatever_order() {
        let topics = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<Vec<Key>>();
        let one = Way::new(Locale::Fr, Form::Short, topics(&["outils", "cadre", "outils"]));
        assert_eq!(one, Way::new(Locale::Fr, Form::Short, topics(&["cadre", "outils"])));
        assert_ne!(one, Way::new(Locale::Fr, Form::Full, topics(&["cadre", "outils"])));
    }

    #[test]
    fn every_choice_reads_back_as_it_is_written() {
        for form in Form::ALL {
            assert_eq!(form.to_string().parse(), Ok(form));
        }
        for choice in WhenEmpty::ALL {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert!("long".parse::<Form>().is_err() && "".parse::<WhenEmpty>().is_err());
    }
}
