//! Which rows a chart shows. A chart that would say nothing, or something wrong, is left out.

use bot_core::contacts::codes::DepartementCode;
use rust_decimal::Decimal;

use crate::definition::ChartKind;
use crate::edition::model::{Chart, Point, Unit};

/// More bars than this are read in the table, not in a picture.
const BARS_MAX: usize = 24;
/// Parts of a whole that can be told apart, in colours that colour-blind people tell apart as well.
const PARTS_MAX: usize = 8;
/// The last editions are shown.
const EDITIONS_MAX: usize = 12;

/// The rows of `kind`, all in the unit of `latest`. `editions` in their order.
pub(super) fn chart(kind: ChartKind, points: &[Point], editions: &[&str], latest: &Point) -> Option<Chart> {
    let points: Vec<&Point> = points.iter().filter(|point| point.unit == latest.unit).collect();
    let strata = |edition: &str| {
        let of_edition = points.iter().filter(|point| point.edition == edition && !point.stratum.is_empty());
        of_edition.map(|point| (*point).clone()).collect::<Vec<_>>()
    };
    let recent = &editions[editions.len().saturating_sub(EDITIONS_MAX)..];
    let chosen: Vec<Point> = match kind {
        ChartKind::Bars => {
            Some(strata(&latest.edition)).filter(|bars| (2..=BARS_MAX).contains(&bars.len())).unwrap_or_default()
        }
        ChartKind::Line => {
            let of_edition = |edition: &&str| {
                points.iter().find(|point| point.edition == *edition && point.stratum == latest.stratum)
            };
            let line: Vec<Point> = recent.iter().filter_map(of_edition).map(|point| (*point).clone()).collect();
            Some(line).filter(|line| line.len() >= 2).unwrap_or_default()
        }
        ChartKind::Stacked if latest.unit == Unit::Percent => {
            let rows: Vec<Vec<Point>> =
                recent.iter().map(|edition| strata(edition)).filter(|row| is_whole(row)).collect();
            // Without the latest edition the picture would be about something else.
            let shows_latest = rows.last().is_some_and(|row| row.iter().any(|point| point.edition == latest.edition));
            if shows_latest { rows.concat() } else { Vec::new() }
        }
        ChartKind::Stacked => Vec::new(),
        ChartKind::Map => {
            let is_departement = |point: &Point| point.stratum.parse::<DepartementCode>().is_ok();
            strata(&latest.edition).into_iter().filter(is_departement).collect()
        }
    };
    (!chosen.is_empty()).then_some(Chart { kind, points: chosen })
}

/// Whether these can be parts of one whole: several, and not more than all.
fn is_whole(parts: &[Point]) -> bool {
    let sum: Decimal = parts.iter().map(|point| point.value).sum();
    (2..=PARTS_MAX).contains(&parts.len()) && sum <= Decimal::ONE_HUNDRED
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(rows: &[(&str, &str, &str, Unit)]) -> Vec<Point> {
        let point = |(row, (edition, stratum, value, unit)): (u32, &(&str, &str, &str, Unit))| Point {
            edition: (*edition).to_owned(),
            stratum: (*stratum).to_owned(),
            value: value.parse().unwrap(),
            unit: *unit,
            base: None,
            row,
        };
        (1..).zip(rows).map(point).collect()
    }

    fn shown(kind: ChartKind, points: &[Point]) -> Vec<u32> {
        let editions = super::super::compare::editions(points);
        let last = *editions.last().unwrap();
        let latest = points.iter().find(|point| point.edition == last).unwrap();
        let chart = chart(kind, points, &editions, latest);
        chart.map(|chart| chart.points.iter().map(|point| point.row).collect()).unwrap_or_default()
    }

    #[test]
    fn each_kind_shows_its_rows() {
        let percent = Unit::Percent;
        let table = points(&[
            ("2018", "", "50", percent),
            ("2018", "régions", "69.2", percent),
            ("2018", "départements", "13.9", percent),
            ("2016", "", "40", percent),
            ("2017", "", "98", Unit::Count),
            ("2017", "régions", "60", percent),
            ("2017", "départements", "60", percent),
        ]);
        assert_eq!(shown(ChartKind::Bars, &table), [2, 3]);
        assert_eq!(shown(ChartKind::Line, &table), [4, 1]);
        // 2017 adds up to more than all.
        assert_eq!(shown(ChartKind::Stacked, &table), [2, 3]);
        assert_eq!(shown(ChartKind::Map, &table), Vec::<u32>::new());
        let map =
            points(&[("2018", "44", "1", percent), ("2018", "2A", "2", percent), ("2018", "Nantes", "3", percent)]);
        assert_eq!(shown(ChartKind::Map, &map), [1, 2]);
    }

    #[test]
    fn a_chart_that_says_nothing_is_left_out() {
        let one = points(&[("2018", "", "1", Unit::Count)]);
        for kind in [ChartKind::Bars, ChartKind::Line, ChartKind::Stacked, ChartKind::Map] {
            assert_eq!(shown(kind, &one), Vec::<u32>::new());
        }
        let over = points(&[
            ("2017", "a", "50", Unit::Percent),
            ("2017", "b", "50", Unit::Percent),
            ("2018", "a", "80", Unit::Percent),
            ("2018", "b", "50", Unit::Percent),
        ]);
        assert_eq!(shown(ChartKind::Stacked, &over), Vec::<u32>::new());
    }
}
