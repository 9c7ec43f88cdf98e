//! A figure in each département: a map of equal tiles, so that Paris is seen as well as the Gironde.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::bars::{capitalised, described};
use crate::departments::{COLUMNS, ROWS};
use crate::figure::shared;
use crate::ink::{Ink, Texture, Theme};
use crate::picture::{Anchor, Mark, PADDING, Picture, ROOM, Style, baseline_offset};
use crate::png::{PngError, png};
use crate::steps::Steps;
use crate::typeset::{Weight, clean};
use crate::{Department, Figure, Locale, Quantity, Table, TextTwin};

/// One figure for each département that has one, as they were published.
///
/// Values fall into at most five classes of the same width with round bounds, from pale to dark; dots under each
/// code count its class. A département without value is hatched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepartmentMap {
    /// It names the picture for whoever does not see it: do not leave it empty.
    pub title: String,
    pub subtitle: Option<String>,
    pub locale: Locale,
    pub quantity: Quantity,
    /// Each under the code or the name of its département, see [`Department::find`]. What is no département, or comes
    /// a second time, is named under the map.
    pub figures: Vec<Figure>,
    /// A line under the chart: method, source, date.
    pub note: Option<String>,
}

/// From a tile to the next.
const PITCH: f32 = 35.0;
const TILE: f32 = 33.0;
const DOT: f32 = 3.0;
const DOT_PITCH: f32 = 5.0;
const CODE_SIZE: f32 = 13.0;
const LEGEND: Style = Style::new(13.5, Weight::Regular, Ink::Text);
const SWATCH_WIDTH: f32 = 33.0;
const SWATCH_HEIGHT: f32 = 17.0;

impl DepartmentMap {
    /// An accessible SVG to put inside a page. `id_prefix` makes its ids unique there; only its
    /// ASCII letters, digits, `-` and `_` are used.
    pub fn svg(&self, id_prefix: &str) -> String {
        self.picture().svg(id_prefix, Theme::Inline)
    }

    /// The map on white as a PNG, `width_px` wide within [`crate::PNG_WIDTHS_PX`].
    ///
    /// # Errors
    /// If the width is out of range.
    pub fn png(&self, width_px: u32) -> Result<Vec<u8>, PngError> {
        png(&self.picture(), width_px)
    }

    /// The map in words and as a table.
    pub fn text_twin(&self) -> TextTwin {
        TextTwin { sentence: self.sentence(), lines: self.lines(), table: self.table() }
    }

    /// The départements that have a value, and the figures that have no tile.
    fn placed(&self) -> (BTreeMap<Department, (&Figure, Decimal)>, Vec<&Figure>) {
        let mut placed = BTreeMap::new();
        let mut elsewhere = Vec::new();
        for figure in &self.figures {
            match (Department::find(&figure.label), figure.value) {
                (Some(department), Some(value)) if !placed.contains_key(&department) => {
                    placed.insert(department, (figure, value));
                }
                // The map says itself that it has no value.
                (Some(_), None) => {}
                _ => elsewhere.push(figure),
            }
        }
        (placed, elsewhere)
    }

    fn sentence(&self) -> String {
        let locale = self.locale;
        let (placed, _) = self.placed();
        let at = |(department, (_, value)): (&Department, &(&Figure, Decimal))| {
            format!("{} ({})", locale.figure(*value, self.quantity), department.name())
        };
        // The first by code, where several have the same.
        let lowest = placed.iter().min_by_key(|(department, (_, value))| (*value, **department)).map(at);
        let highest =
            placed.iter().min_by_key(|(department, (_, value))| (std::cmp::Reverse(*value), **department)).map(at);
        let (Some(lowest), Some(highest)) = (lowest, highest) else {
            return match locale {
                Locale::Fr => "Aucun département n’a de valeur.".to_owned(),
                Locale::En => "No département has a value.".to_owned(),
            };
        };
        let count = placed.len();
        match locale {
            Locale::Fr if count == 1 => format!("1 département sur 101 a une valeur\u{a0}: {highest}."),
            Locale::En if count == 1 => format!("1 département out of 101 has a value: {highest}."),
            Locale::Fr => format!("{count} départements sur 101 ont une valeur, de {lowest} à {highest}."),
            Locale::En => format!("{count} départements out of 101 have a value, from {lowest} to {highest}."),
        }
    }

    fn without_value(&self) -> &'static str {
        match self.locale {
            Locale::Fr => "Sans valeur",
            Locale::En => "No value",
        }
    }

    /// The values, what is not on the map, then in one line the départements without value.
    fn lines(&self) -> Vec<String> {
        let (placed, elsewhere) = self.placed();
        let name = |department: Department| format!("{} {}", department.code(), department.name());
        let values = placed.iter().map(|(department, (figure, _))| {
            Figure { label: name(*department), ..(*figure).clone() }.line(self.locale, self.quantity)
        });
        let others = elsewhere.iter().map(|figure| figure.line(self.locale, self.quantity));
        let missing: Vec<&str> =
            Department::all().filter(|department| !placed.contains_key(department)).map(Department::code).collect();
        let none = (!missing.is_empty())
            .then(|| format!("{}{}{}", self.without_value(), self.locale.colon(), missing.join(", ")));
        values.chain(others).chain(none).collect()
    }

    /// One row for each of the 101, then what is not on the map.
    fn table(&self) -> Table {
        let (placed, elsewhere) = self.placed();
        let header = match self.locale {
            Locale::Fr => ["Département", "Code", "Valeur", "Base"],
            Locale::En => ["Département", "Code", "Value", "Base"],
        };
        let row = |name: &str, code: &str, figure: Option<&Figure>| {
            let cells = figure.map(|figure| figure.cells(self.locale, self.quantity));
            let rest = cells.map_or_else(
                || vec![capitalised(self.locale.no_figure()), "–".to_owned()],
                |cells| cells[1..].to_vec(),
            );
            [name.to_owned(), code.to_owned()].into_iter().chain(rest).collect()
        };
        let departments = Department::all().map(|department| {
            row(department.name(), department.code(), placed.get(&department).map(|(figure, _)| *figure))
        });
        let others = elsewhere.iter().map(|figure| row(&clean(&figure.label), "–", Some(figure)));
        Table {
            caption: clean(&self.title),
            header: header.map(str::to_owned).to_vec(),
            rows: departments.chain(others).collect(),
        }
    }

    fn picture(&self) -> Picture {
        let description = described(&self.sentence(), &self.lines());
        let mut picture = Picture::new(&self.title, self.subtitle.as_deref(), self.locale, description);
        let (placed, elsewhere) = self.placed();
        let steps = Steps::of(placed.values().map(|(_, value)| *value), self.quantity);

        let left = PADDING + (ROOM - PITCH * COLUMNS as f32 + (PITCH - TILE)) / 2.0;
        let top = picture.y;
        for department in Department::all() {
            let (column, row) = department.place();
            let (x, y) = (left + PITCH * column as f32, top + PITCH * row as f32);
            let step = placed.get(&department).map(|(_, value)| steps.step(*value));
            draw_tile(&mut picture, x, y, TILE, TILE, step);
            let ink = step.map_or(Ink::Text, Ink::OnStep);
            let style = Style::new(CODE_SIZE, Weight::Regular, ink);
            picture.text(x + TILE / 2.0, y + 18.0, Anchor::Middle, style, department.code().to_owned());
        }
        picture.gap(PITCH * ROWS as f32 + 12.0);
        self.draw_legend(&mut picture, &steps, placed.values().map(|(_, value)| *value).collect());

        let base = shared(placed.values().map(|(figure, _)| figure.base));
        let base = base.map(|base| capitalised(&self.locale.base(base)));
        let others = (!elsewhere.is_empty()).then(|| {
            let named: Vec<String> = elsewhere
                .iter()
                .map(|figure| format!("{} ({})", clean(&figure.label), figure.shown(self.locale, self.quantity)))
                .collect();
            match self.locale {
                Locale::Fr => format!("Hors de la carte\u{a0}: {}", named.join(", ")),
                Locale::En => format!("Not on the map: {}", named.join(", ")),
            }
        });
        let notes: Vec<String> = base.into_iter().chain(others).chain(self.note.clone()).collect();
        picture.finish(&notes);
        picture
    }

    /// Each class with its bounds and how many départements are in it, and those in none.
    fn draw_legend(&self, picture: &mut Picture, steps: &Steps, values: Vec<Decimal>) {
        let counted = |count: usize| match (self.locale, count) {
            (_, 0 | 1) => format!("{count} département"),
            _ => format!("{count} départements"),
        };
        let classes = (0..steps.len()).map(|step| {
            let count = values.iter().filter(|value| steps.step(**value) == step).count();
            let bounds = steps.words(step, self.locale, self.quantity);
            (Some(step), format!("{bounds}{}{}", self.locale.colon(), counted(count)))
        });
        let missing = Department::all().count() - values.len();
        let none = (missing > 0)
            .then(|| (None, format!("{}{}{}", self.without_value(), self.locale.colon(), counted(missing))));
        let text_x = PADDING + SWATCH_WIDTH + 10.0;
        for (step, words) in classes.chain(none) {
            let y = picture.y;
            draw_tile(picture, PADDING, y, SWATCH_WIDTH, SWATCH_HEIGHT, step);
            for line in LEGEND.wrap(&words, PADDING + ROOM - text_x, 2) {
                let baseline = picture.y + baseline_offset(LEGEND, LEGEND.line_height());
                picture.text(text_x, baseline, Anchor::Start, LEGEND, line);
                picture.gap(LEGEND.line_height());
            }
            picture.gap(5.0);
        }
        picture.gap(3.0);
    }
}

/// A tile with the dots that count its class, or hatched.
fn draw_tile(picture: &mut Picture, x: f32, y: f32, width: f32, height: f32, step: Option<usize>) {
    let (texture, ink) = step.map_or((Texture::Rising, Ink::Rule), |step| (Texture::Solid, Ink::Step(step)));
    picture.mark(Mark::Box { x, y, width, height, texture, ink, outline: Ink::Muted });
    let Some(step) = step else { return };
    let dots = step + 1;
    let left = x + (width - DOT_PITCH * dots as f32 + (DOT_PITCH - DOT)) / 2.0;
    for dot in 0..dots {
        picture.rect(left + DOT_PITCH * dot as f32, y + height - 9.0, DOT, DOT, Ink::OnStep(step));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::png::checks::faults;
    use crate::samples::{any_figures, any_quantity, any_text, figures};

    fn used() -> DepartmentMap {
        DepartmentMap {
            title: "Communes qui utilisent un outil numérique".into(),
            subtitle: None,
            locale: Locale::Fr,
            quantity: Quantity::Percent,
            figures: figures(&[
                ("75", "80.1", None),
                ("Ain", "3.5", None),
                ("2a", "41", None),
                ("974", "60", None),
                ("Métropole de Lyon", "55", Some(59)),
            ]),
            note: None,
        }
    }

    fn plain(text: &str) -> String {
        text.replace(['\u{a0}', '\u{202f}'], " ")
    }

    #[test]
    fn the_twin_has_all_departments_and_what_is_not_one() {
        let twin = used().text_twin();
        assert_eq!(plain(&twin.sentence), "4 départements sur 101 ont une valeur, de 3,5 % (Ain) à 80,1 % (Paris).");
        assert_eq!(twin.table.rows.len(), 102);
        assert_eq!(twin.lines.len(), 6);
        assert_eq!(plain(&twin.lines[0]), "01 Ain : 3,5 % (base non publiée)");
        assert_eq!(plain(&twin.lines[4]), "Métropole de Lyon : 55 % (base : 59)");
        assert!(twin.lines[5].starts_with("Sans valeur\u{a0}: 02, 03, 04") && twin.lines[5].ends_with("973, 976"));
        let rows: Vec<String> = [0, 1, 19, 101].map(|row: usize| plain(&twin.table.rows[row].join(" | "))).to_vec();
        assert_eq!(
            rows,
            [
                "Ain | 01 | 3,5 % | non publiée",
                "Aisne | 02 | Pas de valeur | –",
                "Corse-du-Sud | 2A | 41 % | non publiée",
                "Métropole de Lyon | – | 55 % | 59"
            ]
        );
        let english = DepartmentMap { locale: Locale::En, ..used() }.text_twin();
        assert_eq!(english.sentence, "4 départements out of 101 have a value, from 3.5% (Ain) to 80.1% (Paris).");
    }

    #[test]
    fn every_tile_has_its_code_and_what_has_none_is_named() {
        let svg = used().svg("m");
        for department in Department::all() {
            assert!(svg.contains(&format!(">{}<", department.code())), "{}", department.name());
        }
        assert!(svg.contains("Hors de la carte\u{a0}: Métropole de Lyon (55\u{202f}%)"));
        assert!(svg.contains("Sans valeur\u{a0}: 97 départements"));
        assert!(svg.contains("0\u{202f}% à moins de 20\u{202f}%\u{a0}: 1 département<"));
    }

    #[test]
    fn without_values_the_map_says_so() {
        let none = DepartmentMap { figures: Vec::new(), ..used() };
        assert_eq!(none.text_twin().sentence, "Aucun département n’a de valeur.");
        assert_eq!(faults(&none.picture()), Vec::<String>::new());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

        #[test]
        fn any_map_keeps_within_the_canvas(
            title in any_text(), note in proptest::option::of(any_text()),
            mut figures in any_figures(30), places in proptest::collection::vec(0..120usize, 0..30),
            quantity in any_quantity(), french: bool,
        ) {
            for (figure, place) in figures.iter_mut().zip(places) {
                if let Some(department) = Department::all().nth(place) {
                    department.code().clone_into(&mut figure.label);
                }
            }
            let locale = if french { Locale::Fr } else { Locale::En };
            let map = DepartmentMap { title, note, figures, quantity, locale, ..used() };
            prop_assert_eq!(faults(&map.picture()), Vec::<String>::new());
            let table = map.text_twin().table;
            prop_assert!(table.rows.iter().all(|row| row.len() == table.header.len()));
        }
    }
}
