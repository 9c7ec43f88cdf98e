//! Draws one chart of each kind as SVG and PNG into a folder, to look at after a change:
//! `cargo run -p crieur-charts --example gallery -- <folder>`

use std::path::PathBuf;
use std::time::Instant;

use crieur_charts::{Bar, BarChart, Base, Edition, EditionsChart, Level, Locale, RatingChart, TextTwin, Unit};

fn bars(options: &[(&str, u64)]) -> Vec<Bar> {
    options.iter().map(|(label, count)| Bar { label: (*label).to_owned(), count: *count }).collect()
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
    Ok(())
}
