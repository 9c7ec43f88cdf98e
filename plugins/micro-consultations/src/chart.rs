//! One question's counts as a picture, a sentence and a table.

use bot_core::Locale;
use bot_core::charts::{self, Bar, BarChart, Base, Level, RatingChart, TextTwin, Unit};

use crate::definition::{Question, QuestionKind};
use crate::tally::QuestionTally;
use crate::words::text;

/// Sharp on a phone, light to send.
const PNG_WIDTH_PX: u32 = 960;

/// The drawn counts of one question.
pub enum Chart {
    Bars(BarChart),
    Rating(RatingChart),
}

impl Chart {
    /// `None` for a question without counts, whose answers are texts.
    pub fn of(locale: Locale, question: &Question, tally: &QuestionTally) -> Option<Self> {
        let title = question.text.in_locale(locale).to_owned();
        let labelled = question.kind.labels().iter().zip(&tally.counts);
        let spoken = match locale {
            Locale::Fr => charts::Locale::Fr,
            Locale::En => charts::Locale::En,
        };
        match question.kind {
            QuestionKind::FreeText { .. } => None,
            QuestionKind::Rating { .. } => Some(Self::Rating(RatingChart {
                title,
                subtitle: None,
                locale: spoken,
                levels: labelled
                    .map(|(label, &count)| Level { label: Some(label.in_locale(locale).to_owned()), count })
                    .collect(),
                unit: Unit::Answer,
                note: None,
            })),
            QuestionKind::Single { .. } | QuestionKind::Multiple { .. } => Some(Self::Bars(BarChart {
                title,
                subtitle: matches!(question.kind, QuestionKind::Multiple { .. })
                    .then(|| text(locale, "chart-several", &[])),
                locale: spoken,
                bars: labelled
                    .map(|(label, &count)| Bar { label: label.in_locale(locale).to_owned(), count })
                    .collect(),
                unit: Unit::Vote,
                base: Base { count: tally.answered, unit: Unit::Ballot },
                note: None,
            })),
        }
    }

    pub fn twin(&self) -> TextTwin {
        match self {
            Self::Bars(chart) => chart.text_twin(),
            Self::Rating(chart) => chart.text_twin(),
        }
    }

    /// For a page; `id_prefix` makes its ids unique there.
    pub fn svg(&self, id_prefix: &str) -> String {
        match self {
            Self::Bars(chart) => chart.svg(id_prefix),
            Self::Rating(chart) => chart.svg(id_prefix),
        }
    }

    /// For a message. `None` when it would be too high to be sent: the words say it all the same.
    pub fn png(&self) -> Option<Vec<u8>> {
        match self {
            Self::Bars(chart) => chart.png(PNG_WIDTH_PX),
            Self::Rating(chart) => chart.png(PNG_WIDTH_PX),
        }
        .ok()
    }
}
