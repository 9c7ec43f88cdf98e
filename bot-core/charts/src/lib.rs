//! Charts for results and barometers, as inline SVG and as PNG, each with its *text twin*:
//! a sentence and a table that say the same thing to whoever does not see the picture.
//!
//! A pure crate: the same chart gives the same bytes, it reads no clock, no file and no network,
//! and its fonts are inside it. Charts are total: any label, any count and no bars at all give a
//! picture that keeps within its canvas.
//!
//! ```
//! use crieur_charts::{Bar, BarChart, Base, Locale, Unit};
//!
//! let chart = BarChart {
//!     title: "Que faire de la place du marché ?".into(),
//!     subtitle: None,
//!     locale: Locale::Fr,
//!     bars: vec![
//!         Bar { label: "Halle couverte".into(), count: 12 },
//!         Bar { label: "Jardin".into(), count: 8 },
//!     ],
//!     unit: Unit::Vote,
//!     base: Base { count: 20, unit: Unit::Ballot },
//!     note: None,
//! };
//! let twin = chart.text_twin();
//! assert_eq!(
//!     twin.sentence,
//!     "«\u{a0}Halle couverte\u{a0}» arrive en tête avec 12\u{a0}voix sur 20\u{a0}bulletins (60\u{202f}%)."
//! );
//! let page = format!("{}{}", chart.svg("question-1"), twin.table.html());
//! let picture = chart.png(960)?;
//! # assert!(page.contains("<table") && picture.starts_with(b"\x89PNG"));
//! # Ok::<(), crieur_charts::PngError>(())
//! ```
//!
//! # Honest figures
//!
//! - Counts are exact integers from end to end; a share is computed from them once, in integers.
//! - Shares are rounded half up to one decimal, each on its own. They are never adjusted so that
//!   the total shows 100 %: three thirds read 33,3 % each.
//! - One precision per chart: if every share is exactly a whole number no decimal is shown, else
//!   all shares have one.
//! - A share that is not zero never reads 0 % (`< 0,1 %`), and one that is not the whole never
//!   reads 100 % (`> 99,9 %`).
//! - Bars start at zero and their full length is 100 % of the base, so two charts compare.
//! - A published figure ([`Figure`]) is a decimal, with or without the base it is of. It is shown as published, to one
//!   decimal (cents for money); no count is made up from it, and a base that was not published is said so.
//!
//! # Style of the inline SVG
//!
//! It has no `style` and no script, so it lives under a strict Content-Security-Policy, and it is
//! readable without any stylesheet in light and in dark mode: text takes `currentColor`. A page
//! should set `.chart { max-width: 100%; height: auto }` and may restyle these classes:
//! `chart-text`, `chart-muted` (secondary text), `chart-accent` (a leading bar), `chart-neutral`
//! (the other bars), `chart-track` (the 100 % behind a bar), `chart-rule` (hairlines),
//! `chart-mark` (signs over a scale), `chart-part-1` to `-6` (parts of a whole), `chart-step-1` to `-5` (classes of a
//! map) with `chart-on-step-1` to `-5` (what stands on them).
//!
//! No meaning rests on colour alone: parts have a texture and a letter, classes have dots and an order of lightness,
//! all figures have their words.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod bars;
mod department_map;
mod departments;
mod editions;
mod figure;
mod figure_bars;
mod figure_line;
mod ink;
#[cfg(test)]
mod legibility;
mod locale;
mod picture;
mod plot;
mod png;
mod rates;
mod rating;
mod rows;
#[cfg(test)]
mod samples;
mod share;
mod stack;
mod steps;
mod twin;
mod typeset;

pub use bars::{Bar, BarChart, Base};
pub use department_map::DepartmentMap;
pub use departments::Department;
pub use editions::{Edition, EditionsChart};
pub use figure::{Figure, Quantity};
pub use figure_bars::FigureBarChart;
pub use figure_line::FigureLineChart;
pub use locale::{Locale, Unit};
pub use png::{PNG_WIDTHS_PX, PngError};
pub use rates::{Rate, RateChart};
pub use rating::{Level, RatingChart};
pub use share::Share;
pub use stack::{StackChart, StackRow};
pub use twin::{Table, TextTwin};
