use bot_core::Clock;
use bot_core::Wording;
use bot_core::plugin::{Context, Effect, HandlerError};
use bot_core::plugin_bench::PluginBench;
use bot_core::{Locale, OrganisationId};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Europe;
use digest_parsing::table::{self, Wanted};

use super::store::{By, Imported, Remark};
use super::*;
use crate::definition::ChartKind;

const EXAMPLE: &str = include_str!("../../examples/barometre.csv");
const EQUIPPED: &str = "Part des collectivités qui utilisent des outils numériques de participation";
const USERS: &str = "Collectivités qui utilisent des outils numériques de participation";

/// A barometer, and the clock of its imports.
pub(super) struct Desk {
    pub bench: PluginBench,
}

impl Desk {
    pub async fn new(seed: u64) -> Self {
        let start: DateTime<Utc> = "2026-10-05T08:00:00Z".parse().unwrap();
        Self { bench: PluginBench::new("barometer-digests".parse().unwrap(), Clock::manual(start), seed).await }
    }

    pub async fn does<T>(&self, call: impl AsyncFnOnce(&mut Context) -> Result<T, HandlerError>) -> (T, Vec<Effect>) {
        self.bench.call(None, Locale::Fr, call).await.unwrap()
    }

    pub fn organisation(&self) -> OrganisationId {
        self.bench.organisation.id
    }

    pub async fn import(&self, csv: &str) -> Imported {
        let table = table::read(csv.as_bytes().to_vec(), &Wanted::Usual).unwrap();
        self.does(async |cx| store::import(cx, &barometre(), "barometre.csv", By::Operator, &table, false).await)
            .await
            .0
    }

    async fn candidates(&self, definition: &Definition, window: &Window) -> Vec<Entry> {
        let mut sql = self.bench.pool.acquire().await.unwrap();
        candidates(&mut sql, self.organisation(), definition, window).await.unwrap()
    }
}

pub(super) fn barometre() -> Key {
    "barometre".parse().unwrap()
}

fn plan(indicator: &str, chart: Option<ChartKind>) -> FigurePlan {
    let topics = vec!["usages".parse().unwrap(), "enjeux".parse().unwrap()];
    FigurePlan {
        dataset: barometre(),
        indicator: indicator.to_owned(),
        name: Wording::french(indicator),
        topics,
        chart,
    }
}

fn definition(figures: Vec<FigurePlan>) -> Definition {
    Definition {
        title: Wording::french("La lettre"),
        time_zone: Europe::Paris,
        weekly: None,
        monthly: None,
        topics: Vec::new(),
        sources: Vec::new(),
        figures,
        wording: Default::default(),
    }
}

fn figure_of(entry: &Entry) -> &Figure {
    match &entry.content {
        Content::Figure(figure) => figure,
        other => panic!("no figure: {other:?}"),
    }
}

#[tokio::test]
async fn the_example_is_imported_once_and_quoted_by_its_rows() {
    let desk = Desk::new(1).await;
    let Imported::New { version, difference } = desk.import(EXAMPLE).await else { panic!("nothing new") };
    assert_eq!((version.version, version.rows, version.remarks.len()), (1, 22, 0));
    assert_eq!((difference.added.len(), difference.changed.len()), (22, 0));
    // In another order and with other separators it says the same.
    let mut lines: Vec<String> = EXAMPLE.lines().map(|line| line.replace(',', ".").replace(';', "\t")).collect();
    lines[1..].reverse();
    assert!(matches!(desk.import(&lines.join("\r\n")).await, Imported::Unchanged { version } if version.version == 1));

    let mut sql = desk.bench.pool.acquire().await.unwrap();
    let entry = figure(&mut sql, desk.organisation(), &plan(EQUIPPED, Some(ChartKind::Bars))).await.unwrap().unwrap();
    let quoted = figure_of(&entry);
    assert_eq!((quoted.latest.stratum.as_str(), quoted.latest.row), ("régions", 20));
    assert_eq!(quoted.chart.as_ref().unwrap().points.iter().map(|point| point.row).collect::<Vec<_>>(), [20, 21, 22]);
    assert_eq!(entry.topics.iter().map(Key::as_str).collect::<Vec<_>>(), ["enjeux", "usages"]);
    assert_eq!(figure(&mut sql, desk.organisation(), &plan("Inconnu", None)).await.unwrap(), None);
}

#[tokio::test]
async fn a_figure_is_a_candidate_when_its_rows_are_new() {
    let desk = Desk::new(2).await;
    let start = desk.bench.clock.now();
    let definition = definition(vec![
        plan(USERS, Some(ChartKind::Line)),
        plan(EQUIPPED, Some(ChartKind::Stacked)),
        plan("Collectivités répondantes", None),
    ]);
    let week =
        |number: i64| Window { from: start + TimeDelta::weeks(number), until: start + TimeDelta::weeks(number + 1) };
    desk.import(EXAMPLE).await;
    let first = desk.candidates(&definition, &week(0)).await;
    assert_eq!(first.len(), 3);
    assert_eq!(desk.candidates(&definition, &week(1)).await, []);
    // Stacked shares of 165 % are not parts of one whole.
    assert_eq!(figure_of(&first[1]).chart, None);

    desk.bench.clock.set(start + TimeDelta::weeks(1));
    let later = format!("{EXAMPLE}{USERS};2021;;212;;nombre\n");
    let Imported::New { version, difference } = desk.import(&later).await else { panic!("nothing new") };
    assert_eq!((version.version, difference.added.len(), difference.vanished.len()), (2, 1, 0));
    let second = desk.candidates(&definition, &week(1)).await;
    // The others say what they said.
    let [users] = second.as_slice() else { panic!("{second:?}") };
    let quoted = figure_of(users);
    assert_eq!(users.key, first[0].key);
    assert_eq!((quoted.dataset_version, quoted.latest.row, quoted.latest.edition.as_str()), (2, 23, "2021"));
    assert_eq!(quoted.previous.as_ref().map(|point| point.row), Some(16));
    assert_eq!(quoted.chart.as_ref().unwrap().points.len(), 2);
    // The window of the week before is as it was.
    assert_eq!(desk.candidates(&definition, &week(0)).await, first);
}

#[tokio::test]
async fn what_changed_is_remarked_and_no_version_is_ever_another() {
    let desk = Desk::new(3).await;
    desk.import("indicateur;édition;valeur;source\nA;2016;10 %;x\nB;2016;20 %;x\n").await;
    let Imported::New { version, difference } =
        desk.import("indicateur;édition;valeur;origine\nA;2016;11 %;x\nA;2016;11 %;x\n").await
    else {
        panic!("nothing new")
    };
    insta::assert_snapshot!(
        version.remarks.iter().map(|remark| remark.words(Locale::Fr)).collect::<Vec<_>>().join("\n"), @r"
    Une colonne a changé de nom : « source » est devenue « origine ».
    Une ligne de la version précédente a disparu : B, 2016.
    Une ligne était écrite deux fois.
    ");
    assert!(matches!(version.remarks[0], Remark::ColumnRenamed { .. }));
    assert_eq!(difference.changed[0].to_owned().row.to_string(), "A, 2016");
    let mut sql = desk.bench.pool.acquire().await.unwrap();
    let old = store::rows(&mut sql, desk.organisation(), &barometre(), 1).await.unwrap();
    assert_eq!(old.iter().map(|row| row.point.value.to_string()).collect::<Vec<_>>(), ["10", "20"]);
    let table = table::read(b"indicateur;edition;valeur\nC;2016;1 %\n".to_vec(), &Wanted::Usual).unwrap();
    let (trial, effects) =
        desk.does(async |cx| store::import(cx, &barometre(), "essai.csv", By::Operator, &table, true).await).await;
    assert!(matches!(trial, Imported::New { version, .. } if version.version == 3) && effects.is_empty());
    assert_eq!(store::versions(&mut sql, desk.organisation(), None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_rows_are_open_data() {
    let desk = Desk::new(4).await;
    let danger =
        "indicateur;édition;strate;valeur;base;unité\n\"=1+1;\"\"x\"\"\";2016;<b>;1 234,5;98;euro\nB;2016;;34;;%\n";
    desk.import(danger).await;
    let mut sql = desk.bench.pool.acquire().await.unwrap();
    let csv = open_data::csv(&mut sql, desk.organisation(), "barometre", 1).await.unwrap().unwrap();
    assert_eq!(
        csv,
        "row,indicator,edition,stratum,value,unit,base\r\n1,\"'=1+1;\"\"x\"\"\",2016,<b>,1234.5,euro,98\r\n\
         2,B,2016,,34,percent,\r\n"
    );
    // What is published can be imported.
    assert!(matches!(desk.import(&csv).await, Imported::Unchanged { .. }));
    let page = async |dataset: &str, version, locale| {
        let mut sql = desk.bench.pool.acquire().await.unwrap();
        open_data::page(&mut sql, desk.organisation(), dataset, version, locale, "Ville & fils").await.unwrap()
    };
    insta::assert_snapshot!(page("barometre", 1, Locale::Fr).await.unwrap(), @r##"
    <!DOCTYPE html>
    <html lang="fr">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Jeu de données barometre, version 1 – Ville &amp; fils</title>
    <link rel="stylesheet" href="/consultations/style.css">
    <link rel="stylesheet" href="/digests/style.css">
    </head>
    <body>
    <header>
    <a class="skip" href="#content">Aller au contenu</a>
    <p>Ville &amp; fils · <a href="/digests/data/barometre/1?lang=en" hreflang="en" lang="en">English</a></p>
    </header>
    <main id="content">
    <h1>Jeu de données barometre, version 1</h1>
    <p>2 lignes, lues dans barometre.csv le lundi 5 octobre 2026 à 8 h (UTC). Cette version ne changera jamais.</p>
    <p><a href="/digests/data/barometre/1.csv">Télécharger en CSV</a></p>
    <div class="scroll" role="region" aria-labelledby="rows" tabindex="0">
    <table class="data">
    <caption id="rows">Les chiffres, ligne par ligne</caption>
    <thead><tr><th scope="col">Ligne</th><th scope="col">Indicateur</th><th scope="col">Édition</th><th scope="col">Strate</th><th scope="col">Valeur</th><th scope="col">Base (réponses)</th></tr></thead>
    <tbody>
    <tr id="row-1"><th scope="row"><a href="#row-1">1</a></th><td>=1+1;&quot;x&quot;</td><td>2016</td><td>&lt;b&gt;</td><td>1 234,5 €</td><td>98</td></tr>
    <tr id="row-2"><th scope="row"><a href="#row-2">2</a></th><td>B</td><td>2016</td><td>ensemble</td><td>34 %</td><td>non publiée</td></tr>
    </tbody>
    </table>
    </div>
    </main>
    </body>
    </html>
    "##);
    let english = page("barometre", 1, Locale::En).await.unwrap();
    assert!(english.contains("€1,234.5") && english.contains("<td>34%</td><td>not published</td>"), "{english}");
    for (dataset, version) in [("barometre", 2), ("autre", 1), ("../x", 1)] {
        assert_eq!(page(dataset, version, Locale::Fr).await, None);
    }
}
