//! A figure's chart as a picture, a sentence and a table.

use bot_core::Locale;
use bot_core::charts::{
    self, DepartmentMap, FigureBarChart, FigureLineChart, PngError, StackChart, StackRow, TextTwin,
};

use super::numbers::spoken;
use crate::definition::ChartKind;
use crate::edition::model::{Figure, Point};
use crate::words::text;

/// Sharp on a phone, light to send.
const PNG_WIDTH_PX: u32 = 960;

/// The figure's chart to put inside a page, where `id_prefix` makes its ids unique. `None`: it has no chart, or no
/// row to show in it.
pub fn svg(figure: &Figure, locale: Locale, id_prefix: &str) -> Option<String> {
    Drawing::of(figure, locale).map(|drawing| match drawing {
        Drawing::Bars(chart) => chart.svg(id_prefix),
        Drawing::Line(chart) => chart.svg(id_prefix),
        Drawing::Stack(chart) => chart.svg(id_prefix),
        Drawing::Map(map) => map.svg(id_prefix),
    })
}

/// The figure's chart to send in a message; it takes up to a second of computing in a debug build.
///
/// # Errors
/// When the chart has so many rows that networks would refuse it: [`twin`] says it all the same.
pub fn png(figure: &Figure, locale: Locale) -> Result<Option<Vec<u8>>, PngError> {
    Drawing::of(figure, locale)
        .map(|drawing| match drawing {
            Drawing::Bars(chart) => chart.png(PNG_WIDTH_PX),
            Drawing::Line(chart) => chart.png(PNG_WIDTH_PX),
            Drawing::Stack(chart) => chart.png(PNG_WIDTH_PX),
            Drawing::Map(map) => map.png(PNG_WIDTH_PX),
        })
        .transpose()
}

/// What the chart says, in words and as a table.
pub fn twin(figure: &Figure, locale: Locale) -> Option<TextTwin> {
    Drawing::of(figure, locale).map(|drawing| match drawing {
        Drawing::Bars(chart) => chart.text_twin(),
        Drawing::Line(chart) => chart.text_twin(),
        Drawing::Stack(chart) => chart.text_twin(),
        Drawing::Map(map) => map.text_twin(),
    })
}

enum Drawing {
    Bars(FigureBarChart),
    Line(FigureLineChart),
    Stack(StackChart),
    Map(DepartmentMap),
}

impl Drawing {
    fn of(figure: &Figure, locale: Locale) -> Option<Self> {
        let chart = figure.chart.as_ref()?;
        // Rows in another unit have no place on the same scale.
        let points: Vec<&Point> = chart.points.iter().filter(|point| point.unit == figure.latest.unit).collect();
        match chart.kind {
            ChartKind::Bars => bars(figure, locale, &points),
            ChartKind::Line => line(figure, locale, &points),
            // What is no whole is shown side by side.
            ChartKind::Stacked => stack(figure, locale, &points).or_else(|| bars(figure, locale, &points)),
            ChartKind::Map => map(figure, locale, &points),
        }
    }
}

fn bars(figure: &Figure, locale: Locale, points: &[&Point]) -> Option<Drawing> {
    let figures = of_latest_edition(figure, points, |point| stratum(locale, point));
    (!figures.is_empty()).then(|| {
        Drawing::Bars(FigureBarChart {
            title: figure.name.in_locale(locale).to_owned(),
            subtitle: Some(edition(locale, figure)),
            locale: spoken(locale),
            quantity: figure.latest.unit.quantity(),
            figures,
            note: Some(data(locale, figure)),
        })
    })
}

/// The stratum of the latest point, over every edition that has a row: one without the stratum is a gap.
fn line(figure: &Figure, locale: Locale, points: &[&Point]) -> Option<Drawing> {
    let followed = |edition: &str| {
        points.iter().find(|point| point.edition == edition && point.stratum == figure.latest.stratum).copied()
    };
    let editions: Vec<charts::Figure> = distinct(points.iter().map(|point| point.edition.as_str()))
        .into_iter()
        .map(|edition| charts::Figure {
            label: edition.to_owned(),
            value: followed(edition).map(|point| point.value),
            base: followed(edition).and_then(|point| point.base),
        })
        .collect();
    editions.iter().any(|edition| edition.value.is_some()).then(|| {
        Drawing::Line(FigureLineChart {
            title: figure.name.in_locale(locale).to_owned(),
            subtitle: (!figure.latest.stratum.is_empty()).then(|| figure.latest.stratum.clone()),
            locale: spoken(locale),
            quantity: figure.latest.unit.quantity(),
            editions,
            note: Some(data(locale, figure)),
        })
    })
}

/// `None` where the strata of an edition are not the parts of one whole.
fn stack(figure: &Figure, locale: Locale, points: &[&Point]) -> Option<Drawing> {
    let parts: Vec<&Point> = points.iter().copied().filter(|point| !point.stratum.is_empty()).collect();
    let strata = distinct(parts.iter().map(|point| point.stratum.as_str()));
    let rows: Vec<StackRow> = distinct(parts.iter().map(|point| point.edition.as_str()))
        .into_iter()
        .map(|edition| {
            let of_edition: Vec<&Point> = parts.iter().copied().filter(|point| point.edition == edition).collect();
            let value =
                |stratum: &&str| of_edition.iter().find(|point| point.stratum == **stratum).map(|point| point.value);
            let base = of_edition.first().and_then(|point| point.base);
            StackRow {
                label: edition.to_owned(),
                values: strata.iter().map(value).collect(),
                // Parts of one whole have one base.
                base: base.filter(|_| of_edition.iter().all(|point| point.base == base)),
            }
        })
        .collect();
    let chart = StackChart {
        title: figure.name.in_locale(locale).to_owned(),
        subtitle: None,
        locale: spoken(locale),
        quantity: figure.latest.unit.quantity(),
        parts: strata.into_iter().map(str::to_owned).collect(),
        rows,
        note: Some(data(locale, figure)),
    };
    (!chart.rows.is_empty() && chart.is_of_wholes()).then_some(Drawing::Stack(chart))
}

fn map(figure: &Figure, locale: Locale, points: &[&Point]) -> Option<Drawing> {
    let departments: Vec<&Point> = points.iter().copied().filter(|point| !point.stratum.is_empty()).collect();
    let figures = of_latest_edition(figure, &departments, |point| point.stratum.clone());
    (!figures.is_empty()).then(|| {
        Drawing::Map(DepartmentMap {
            title: figure.name.in_locale(locale).to_owned(),
            subtitle: Some(edition(locale, figure)),
            locale: spoken(locale),
            quantity: figure.latest.unit.quantity(),
            figures,
            note: Some(data(locale, figure)),
        })
    })
}

fn of_latest_edition(figure: &Figure, points: &[&Point], label: impl Fn(&Point) -> String) -> Vec<charts::Figure> {
    points
        .iter()
        .filter(|point| point.edition == figure.latest.edition)
        .map(|point| charts::Figure { label: label(point), value: Some(point.value), base: point.base })
        .collect()
}

/// Each once, in the order they come.
fn distinct<'p>(names: impl Iterator<Item = &'p str>) -> Vec<&'p str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

fn stratum(locale: Locale, point: &Point) -> String {
    if point.stratum.is_empty() { text(locale, "charts-everybody", &[]) } else { point.stratum.clone() }
}

fn edition(locale: Locale, figure: &Figure) -> String {
    text(locale, "charts-edition", &[("edition", figure.latest.edition.as_str().into())])
}

fn data(locale: Locale, figure: &Figure) -> String {
    let version = figure.dataset_version.to_string();
    let arguments = [("dataset", figure.dataset.as_str().into()), ("version", version.into())];
    text(locale, "charts-data", &arguments)
}

#[cfg(test)]
mod tests {
    use bot_core::Wording;

    use super::*;
    use crate::definition::Key;
    use crate::edition::model::{Chart, Unit};

    /// Edition, stratum, value, base.
    type Row<'r> = (&'r str, &'r str, &'r str, Option<u64>);

    fn points(rows: &[Row<'_>]) -> Vec<Point> {
        let point = |(row, (edition, stratum, value, base)): (u32, &Row<'_>)| Point {
            edition: (*edition).to_owned(),
            stratum: (*stratum).to_owned(),
            value: value.parse().unwrap(),
            unit: Unit::Percent,
            base: *base,
            row,
        };
        (1..).zip(rows).map(point).collect()
    }

    fn figure(kind: ChartKind, rows: &[Row<'_>]) -> Figure {
        let points = points(rows);
        Figure {
            indicator: "outils".into(),
            name: Wording { fr: "Outils numériques".into(), en: Some("Digital tools".into()) },
            latest: points.last().unwrap().clone(),
            previous: None,
            chart: Some(Chart { kind, points }),
            dataset: Key::try_from("barometre".to_owned()).unwrap(),
            dataset_version: 2,
        }
    }

    fn said(figure: &Figure, locale: Locale) -> String {
        twin(figure, locale).unwrap().sentence.replace(['\u{a0}', '\u{202f}'], " ")
    }

    const STRATA: [Row<'_>; 4] = [
        ("2017", "Régions", "60", None),
        ("2018", "Régions", "69.2", Some(13)),
        ("2018", "Départements", "13.9", Some(101)),
        ("2018", "", "40", None),
    ];

    #[test]
    fn bars_are_the_strata_of_the_latest_edition() {
        let figure = figure(ChartKind::Bars, &STRATA);
        assert_eq!(
            said(&figure, Locale::Fr),
            "La valeur la plus haute est 69,2 % (« Régions »), la plus basse 13,9 % (« Départements »)."
        );
        let rows = twin(&figure, Locale::En).unwrap().table.rows;
        assert_eq!(rows[2], ["All", "40%", "not published"]);
        let svg = svg(&figure, Locale::Fr, "f1").unwrap();
        assert!(svg.contains("f1-title") && svg.contains(">Outils numériques<") && svg.contains(">Édition 2018<"));
        assert!(svg.contains("Données\u{a0}: barometre, version 2"));
        assert!(svg.contains("base\u{a0}: 13"));
    }

    #[test]
    fn a_line_follows_the_latest_points_stratum_and_breaks_where_it_was_not_asked() {
        let rows = [("2016", "", "80.1", None), ("2017", "Régions", "60", None), ("2018", "", "83.4", Some(157))];
        let figure = figure(ChartKind::Line, &rows);
        assert_eq!(said(&figure, Locale::Fr), "De 80,1 % (2016) à 83,4 % (2018). Pas de valeur pour 2017.");
        assert_eq!(said(&figure, Locale::En), "From 80.1% (2016) to 83.4% (2018). No value for 2017.");
    }

    #[test]
    fn a_stack_is_one_row_an_edition_and_bars_where_the_strata_are_no_whole() {
        let whole = [("2016", "Oui", "61", None), ("2018", "Oui", "61", Some(9)), ("2018", "Non", "30", Some(9))];
        assert_eq!(
            said(&figure(ChartKind::Stacked, &whole), Locale::Fr),
            "2018 : « Oui » 61 %, « Non » 30 % et non-réponse ou autre 9 %."
        );
        let several = [("2018", "Réunions", "61", None), ("2018", "Forums", "61", None)];
        assert_eq!(said(&figure(ChartKind::Stacked, &several), Locale::Fr), "La valeur est partout la même : 61 %.");
    }

    #[test]
    fn a_map_takes_codes_and_names() {
        let rows = [("2018", "75", "80.1", None), ("2018", "Ain", "3", None), ("2018", "", "40", None)];
        assert_eq!(
            said(&figure(ChartKind::Map, &rows), Locale::En),
            "2 départements out of 101 have a value, from 3% (Ain) to 80.1% (Paris)."
        );
    }

    #[test]
    fn every_kind_is_a_png_and_what_has_no_row_is_none() {
        let alone = [("2018", "75", "5", None)];
        for kind in [ChartKind::Bars, ChartKind::Line, ChartKind::Stacked, ChartKind::Map] {
            let mut figure = figure(kind, &alone);
            assert!(png(&figure, Locale::Fr).unwrap().unwrap().starts_with(b"\x89PNG"));
            figure.latest.unit = Unit::Euro;
            assert_eq!(png(&figure, Locale::Fr), Ok(None));
            figure.chart = None;
            assert!(svg(&figure, Locale::Fr, "f").is_none() && twin(&figure, Locale::Fr).is_none());
        }
    }
}
