//! Draws one chart of each kind as SVG and PNG into a folder, to look at after a change:
//! `cargo run -p crieur-charts --example gallery -- <folder>`

use std::path::PathBuf;
use std::time::Instant;

use crieur_charts::{
    Bar, BarChart, Base, Department, DepartmentMap, Edition, EditionsChart, Figure, FigureBarChart, FigureLineChart,
    Level, Locale, Quantity, RatingChart, StackChart, StackRow, TextTwin, Unit,
};
use rust_decimal::Decimal;

fn bars(options: &[(&str, u64)]) -> Vec<Bar> {
    options.iter().map(|(label, count)| Bar { label: (*label).to_owned(), count: *count }).collect()
}

/// Values in tenths.
fn figures(of: &[(&str, Option<i64>, Option<u64>)]) -> Vec<Figure> {
    let figure = |(label, tenths, base): &(&str, Option<i64>, Option<u64>)| Figure {
        label: (*label).to_owned(),
        value: tenths.map(|tenths| Decimal::new(tenths, 1)),
        base: *base,
    };
    of.iter().map(figure).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name the folder to draw into")?);
    std::fs::create_dir_all(&folder)?;
    let save = |name: &str, svg: String, png: Vec<u8>, twin: TextTwin, start: Instant| {
        println!("{name}: {} bytes of PNG in {:?}", png.len(), start.elapsed());
        println!("  {}", twin.sentence);
        std::fs::write(folder.join(format!("{name}.svg")), svg)?;
        std::fs::write(folder.join(format!("{name}.png")), png)
    };

    let market = BarChart {
        title: "Que faire de la place du marché ?".into(),
        subtitle: Some("Consultation des habitants, un choix par bulletin".into()),
        locale: Locale::Fr,
        bars: bars(&[
            ("Halle couverte", 72),
            ("Jardin et aire de jeux", 51),
            ("Parking de 40 places, gratuit la première heure, avec bornes de recharge", 26),
            ("Ne rien changer", 8),
        ]),
        unit: Unit::Vote,
        base: Base { count: 157, unit: Unit::Ballot },
        note: Some("Consultation close le 14 mars 2026. Vote anonyme, un bulletin par personne.".into()),
    };
    let short = BarChart {
        title: "Éteindre l’éclairage public de minuit à cinq heures ?".into(),
        subtitle: None,
        bars: bars(&[("Oui", 12_345), ("Non", 9_876), ("Sans avis", 12)]),
        base: Base { count: 22_233, unit: Unit::Ballot },
        note: None,
        ..market.clone()
    };
    let mixed = BarChart {
        title: "Where should the new cycle lane 🚲 go?".into(),
        subtitle: Some("Several choices allowed".into()),
        locale: Locale::En,
        bars: bars(&[
            ("🌳 Along the river → old bridge", 9),
            ("🏫 Past the schools", 9),
            ("مركز المدينة، السوق", 4),
            ("כיכר השוק", 2),
            ("Marché الاول → 2", 1),
            ("漢字 ✓ ✗ 👨‍👩‍👧 👍🏽 ☀️", 0),
        ]),
        base: Base { count: 15, unit: Unit::Person },
        note: None,
        ..market.clone()
    };
    let rating = RatingChart {
        title: "Êtes-vous satisfait du nouveau marché ?".into(),
        subtitle: Some("De 1, pas du tout, à 5, tout à fait".into()),
        locale: Locale::Fr,
        levels: [3, 7, 19, 41, 30].map(|count| Level { label: None, count }).to_vec(),
        unit: Unit::Answer,
        note: None,
    };
    let editions = EditionsChart {
        title: "Les outils numériques renforcent la participation".into(),
        subtitle: Some("Part des collectivités qui répondent oui".into()),
        locale: Locale::Fr,
        editions: [("2016", 161, 201), ("2018", 150, 210), ("2020", 170, 230), ("2022", 190, 240), ("2024", 203, 251)]
            .map(|(label, count, base)| Edition {
                label: label.into(),
                count,
                base: Base { count: base, unit: Unit::Answer },
            })
            .to_vec(),
        note: Some("Chiffres d’exemple.".into()),
    };

    for (name, chart) in [("bars", market), ("bars-short", short), ("bars-mixed", mixed)] {
        let start = Instant::now();
        let png = chart.png(960)?;
        save(name, chart.svg(name), png, chart.text_twin(), start)?;
    }
    let start = Instant::now();
    save("rating", rating.svg("rating"), rating.png(960)?, rating.text_twin(), start)?;
    let start = Instant::now();
    save("editions", editions.svg("editions"), editions.png(960)?, editions.text_twin(), start)?;

    for locale in [Locale::Fr, Locale::En] {
        let tag = locale.tag();
        let note = Some("Baromètre de la démocratie locale numérique, ligne 12".to_owned());
        let uses = FigureBarChart {
            title: "Collectivités qui utilisent des outils numériques de participation".into(),
            subtitle: Some("Édition 2018".into()),
            locale,
            quantity: Quantity::Percent,
            figures: figures(&[
                ("Régions", Some(692), Some(13)),
                ("Métropoles", Some(818), Some(22)),
                ("Départements", Some(139), Some(101)),
                ("Communes", None, None),
            ]),
            note: note.clone(),
        };
        let ways = FigureBarChart {
            title: "Outils doublés par des rencontres".into(),
            subtitle: Some("Édition 2016".into()),
            figures: figures(&[
                ("Réunions publiques", Some(610), None),
                ("Barcamps et forums ouverts", Some(290), None),
                ("Formations", Some(60), None),
                ("Conseils de quartier", Some(50), None),
            ]),
            ..uses.clone()
        };
        let budgets = FigureBarChart {
            title: "Budget médian d’un dispositif".into(),
            quantity: Quantity::Euro,
            figures: figures(&[("Régions", Some(123_456_780), Some(13)), ("Communes", Some(9_805), Some(41))]),
            ..uses.clone()
        };
        let line = FigureLineChart {
            title: "Les outils numériques renforcent la participation des citoyens".into(),
            subtitle: Some("Part des collectivités qui répondent oui".into()),
            locale,
            quantity: Quantity::Percent,
            editions: figures(&[
                ("2016", Some(801), None),
                ("2017", Some(765), Some(98)),
                ("2018", None, None),
                ("2020", Some(702), Some(157)),
                ("2021", Some(834), Some(161)),
            ]),
            note: note.clone(),
        };
        let answered = FigureLineChart {
            title: "Collectivités qui ont répondu".into(),
            subtitle: None,
            quantity: Quantity::Count,
            editions: figures(&[("2016", Some(12_010), None), ("2017", Some(980), None), ("2018", Some(1_570), None)]),
            ..line.clone()
        };
        let row = |label: &str, tenths: &[i64], base| StackRow {
            label: label.into(),
            values: tenths.iter().map(|tenths| Some(Decimal::new(*tenths, 1))).collect(),
            base,
        };
        let stack = StackChart {
            title: "Satisfaction quant au nombre de citoyens qui participent".into(),
            subtitle: None,
            locale,
            quantity: Quantity::Percent,
            parts: ["Très satisfait", "Plutôt satisfait", "Plutôt pas satisfait", "Pas du tout satisfait"]
                .map(String::from)
                .to_vec(),
            rows: vec![row("2016", &[110, 400, 300, 95], None), row("2018", &[150, 430, 280, 140], Some(157))],
            note: note.clone(),
        };
        let many = StackChart {
            title: "Six familles de dispositifs, et d’autres".into(),
            parts: [
                "Consultation sur un projet",
                "Concertation d’urbanisme",
                "Qualité de vie",
                "Budget participatif",
                "Financement citoyen",
                "Données ouvertes",
                "Pétition",
                "Autre",
            ]
            .map(String::from)
            .to_vec(),
            rows: vec![row("2018", &[310, 200, 150, 120, 8, 70, 60, 52], Some(157))],
            ..stack.clone()
        };
        let map = DepartmentMap {
            title: "Communes qui utilisent un outil numérique de participation".into(),
            subtitle: Some("Édition 2018, chiffres d’exemple".into()),
            locale,
            quantity: Quantity::Percent,
            figures: Department::all()
                .enumerate()
                .filter(|(index, _)| index % 7 != 3)
                .map(|(index, department)| Figure {
                    label: department.code().to_owned(),
                    value: Some(Decimal::from((index * 37) % 97)),
                    base: Some(20),
                })
                .chain(figures(&[("Métropole de Lyon", Some(550), Some(59))]))
                .collect(),
            note,
        };
        for (name, chart) in [("figures", uses), ("figures-ways", ways), ("figures-euro", budgets)] {
            let start = Instant::now();
            let png = chart.png(960)?;
            save(&format!("{name}-{tag}"), chart.svg(name), png, chart.text_twin(), start)?;
        }
        for (name, chart) in [("line", line), ("line-count", answered)] {
            let start = Instant::now();
            let png = chart.png(960)?;
            save(&format!("{name}-{tag}"), chart.svg(name), png, chart.text_twin(), start)?;
        }
        for (name, chart) in [("stack", stack), ("stack-many", many)] {
            let start = Instant::now();
            let png = chart.png(960)?;
            save(&format!("{name}-{tag}"), chart.svg(name), png, chart.text_twin(), start)?;
        }
        let start = Instant::now();
        save(&format!("map-{tag}"), map.svg("map"), map.png(960)?, map.text_twin(), start)?;
    }
    Ok(())
}
