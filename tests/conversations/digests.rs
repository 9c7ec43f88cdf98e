//! The observatory's digest, from its file to the last reader: an operator, an editor, readers, sources that fail, and a
//! clock that moves.

use std::collections::BTreeMap;

use barometer_digests::barometer::store::{self as datasets, By};
use barometer_digests::barometer::table::{self, Wanted};
use barometer_digests::edition::operations::{self, OperationError};
use barometer_digests::edition::store::{State, StoredEdition};
use bot_core::{Locale, Wording};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::citizen::Citizen;
use crate::newsstand::Newsstand;
use crate::reminders::{moves_to, times};
use crate::town::Crieur;
use crate::voting::{LIBRARY, MARKET};

const BAROMETER: &str = include_str!("../../plugins/barometer-digests/examples/barometre.csv");

/// `{place}` is the newsstand's.
const DIGEST: &str = r#"title = { fr = "La lettre de l’observatoire", en = "The observatory’s digest" }
time_zone = "Europe/Paris"

[weekly]
draft = "0 7 * * 1"
late_within_hours = 72

[monthly]
draft = "0 6 1 * *"
approval = "automatic"

[[topic]]
key = "budgets"
name = { fr = "Budgets participatifs", en = "Participatory budgets" }
keywords = ["budget participatif", "budgets participatifs"]

[[topic]]
key = "accompagnement"
name = { fr = "Accompagner les professionnels", en = "Supporting professionals" }
keywords = ["formation"]

[[source]]
key = "actualites"
name = "Actualités de la participation"
kind = "feed"
url = "http://{place}/flux.xml"

[[source]]
key = "presse"
name = "Revue de presse"
kind = "feed"
url = "http://{place}/presse.xml"

[[source]]
key = "agenda"
name = "Agenda de la démocratie locale"
kind = "events"
url = "http://{place}/agenda.ics"

[[figure]]
dataset = "barometre"
indicator = "Les outils numériques renforcent la participation citoyenne"
name = { fr = "Les outils numériques renforcent la participation", en = "Digital tools strengthen participation" }

[[figure]]
dataset = "barometre"
indicator = "Part des collectivités qui utilisent des outils numériques de participation"
name = { fr = "Collectivités équipées", en = "Collectivités with tools" }
chart = "bars"
"#;

/// The last event has no end.
const CALENDAR: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//FR\r\nBEGIN:VEVENT\r\nUID:1@agenda.example.org\r\n\
    DTSTAMP:20260901T060000Z\r\nDTSTART;TZID=Europe/Paris:20260917T180000\r\nDTEND;TZID=Europe/Paris:20260917T200000\r\n\
    SUMMARY:Rencontre des budgets participatifs\r\nLOCATION:Lyon\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\n\
    UID:2@agenda.example.org\r\nDTSTAMP:20260901T060000Z\r\nDTSTART;TZID=Europe/Paris:20260920T100000\r\n\
    SUMMARY:Atelier ouvert sans heure de fin\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

const PAGE: &str = "<!doctype html><html lang=\"fr\"><title>Maintenance</title><p>De retour bientôt.</p></html>";

fn rss(items: &[(&str, &str)]) -> String {
    let items = items.iter().zip(1..).map(|((title, day), number)| {
        format!(
            "<item><title>{title}</title><link>https://actualites.example.org/{}</link>\
             <guid isPermaLink=\"false\">{}</guid><pubDate>{day} 2026 06:00:00 GMT</pubDate>\
             <description>En bref : {title}.</description></item>",
            title.to_lowercase().replace(' ', "-"),
            // Never the same for two of them.
            format_args!("{number}-{title}"),
        )
    });
    let items: String = items.collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><rss version=\"2.0\"><channel><title>Actualités</title>\
         <link>https://actualites.example.org/</link><description>Actualités</description>{items}</channel></rss>"
    )
}

const NANTES: (&str, &str) = ("Le budget participatif de Nantes est ouvert", "Tue, 01 Sep");
const TRAINING: (&str, &str) = ("Une formation à la concertation pour les communes", "Tue, 01 Sep");
const ADVERT: (&str, &str) = ("Un éditeur de logiciels vante son produit", "Tue, 01 Sep");
const RENNES: (&str, &str) = ("Le budget participatif de Rennes double son enveloppe", "Mon, 31 Aug");

/// Feeds, a calendar, a dataset and two consultations, all of them heard of.
async fn town() -> (Crieur, Newsstand) {
    let newsstand = Newsstand::opens().await;
    newsstand.puts("/flux.xml", "application/rss+xml", &rss(&[NANTES, TRAINING, ADVERT]));
    newsstand.puts("/presse.xml", "application/rss+xml", &rss(&[RENNES]));
    newsstand.puts("/agenda.ics", "text/calendar; charset=utf-8", CALENDAR);
    let crieur = Crieur::starts_fetching_from(&newsstand.place()).await;
    let file = DIGEST.replace("{place}", &newsstand.place());
    crieur
        .operates_as("barometer-digests", async |cx| {
            operations::set_definition(cx, &file, Some("claire")).await?;
            let figures = table::read(BAROMETER.into(), &Wanted::Usual).unwrap();
            let key = "barometre".parse().unwrap();
            datasets::import(cx, &key, "barometre.csv", By::Operator, &figures, false).await?;
            Ok::<_, OperationError>(())
        })
        .await;
    crieur.opens(MARKET).await;
    crieur.opens(LIBRARY).await;
    crieur.closes("mediatheque").await;
    crieur.quiet().await;
    (crieur, newsstand)
}

impl Crieur {
    async fn edits<T>(&self, work: impl AsyncFnOnce(&mut bot_core::plugin::Context) -> Result<T, OperationError>) -> T {
        self.operates_as("barometer-digests", work).await
    }

    async fn edition(&self, number: u32) -> StoredEdition {
        self.edits(async |cx| operations::show(cx, number).await).await
    }

    /// As an editor who changes nothing.
    async fn approves(&self, number: u32) {
        self.edits(async |cx| {
            let seen = operations::show(cx, number).await?;
            operations::approve(cx, number, seen.revision, seen.hash, Some("claire")).await
        })
        .await;
        self.quiet().await;
    }

    /// What `crieur digest proof` says, and whether it is content.
    fn proof(&self, number: u32) -> (Value, bool) {
        let output = self.command(&["digest", "proof", &number.to_string(), "--json"]);
        (serde_json::from_slice(&output.stdout).unwrap(), output.status.success())
    }
}

/// The digests somebody got, newest last; of those that are several messages, the last with its buttons.
async fn digests(person: &mut Citizen) -> Vec<crate::citizen::Message> {
    let is_digest = |label: &str| ["Se désabonner", "Unsubscribe"].contains(&label);
    let seen = person.sees_everything().await;
    let digests = seen.into_iter().filter(|message| {
        message.buttons.iter().any(|button| is_digest(&button.label)) && message.data.to_string().contains("/digests/")
    });
    // The settings name the archive too, and have many buttons.
    digests.filter(|message| message.buttons.len() == 2).collect()
}

/// By /abonner, everything as usual but in full.
async fn subscribes_in_full(crieur: &Crieur) -> Citizen {
    let mut ana = crieur.citizen().await;
    ana.says("/abonner").await;
    let offer = ana.hears("En vous abonnant, vous acceptez que").await;
    assert!(offer.text.contains("chaque mardi à 9 h"), "{}", offer.text);
    ana.taps("Je m’abonne").await;
    ana.hears("C’est fait : vous êtes abonné(e)").await;
    ana.taps("Version complète").await;
    ana.hears("Version : complète").await;
    ana
}

/// Short, in English, on one topic, Thursdays at 14.
async fn subscribes_in_english(crieur: &Crieur) -> Citizen {
    let mut ben = crieur.citizen().await;
    ben.says("/abonner").await;
    ben.taps("Choisir d’abord").await;
    ben.hears("Voici vos réglages").await;
    ben.taps("Choisir les sujets").await;
    ben.taps("Budgets participatifs").await;
    ben.hears("Sujets : Budgets participatifs").await;
    ben.taps("Retour").await;
    ben.taps("Changer de jour").await;
    ben.taps("jeudi").await;
    ben.hears("chaque jeudi à 9 h").await;
    ben.taps("Changer d’heure").await;
    ben.taps("14 h").await;
    ben.hears("chaque jeudi à 14 h").await;
    ben.taps("Recevoir en anglais").await;
    ben.hears("Langue : anglais").await;
    ben.taps("Je m’abonne").await;
    ben.hears("C’est fait : vous êtes abonné(e)").await;
    ben
}

async fn subscribes_by_month(crieur: &Crieur) -> Citizen {
    let mut cleo = crieur.citizen().await;
    cleo.says("/abonner").await;
    cleo.taps("Je m’abonne").await;
    cleo.taps("Recevoir chaque mois").await;
    cleo.hears("chaque mois, le premier mardi à 9 h").await;
    cleo
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_prepares_an_edition_and_each_reader_gets_theirs() {
    let (crieur, newsstand) = town().await;
    let (mut ana, mut ben, mut cleo) =
        (subscribes_in_full(&crieur).await, subscribes_in_english(&crieur).await, subscribes_by_month(&crieur).await);
    let mut paul = crieur.organiser().await;

    // One of the feeds turns into a page before the edition is drafted.
    newsstand.puts("/presse.xml", "text/html; charset=utf-8", PAGE);
    moves_to(&crieur, "2026-09-04T08:00:00Z").await;
    let sources = crieur.command(&["digest", "sources"]);
    let told = String::from_utf8(sources.stdout).unwrap();
    assert!(sources.status.success() && told.contains("This is a web page, not a feed"), "{told}");

    // Monday at seven.
    moves_to(&crieur, "2026-09-07T05:00:00Z").await;
    paul.hears("Le brouillon de la lettre est prêt.").await;
    paul.says("/editions").await;
    paul.taps("N° 1").await;
    let facts = paul.hears("brouillon, révision 1").await.text;
    assert!(facts.contains("2 chiffres, 2 consultations et campagnes, 4 actualités, 2 rendez-vous"), "{facts}");
    assert!(facts.contains("Une source ne répondait pas quand elle a été préparée : Revue de presse."), "{facts}");
    paul.taps("Entrées").await;
    paul.taps("Un éditeur de logiciels").await;
    paul.taps("Retirer").await;
    paul.hears("Retiré : Un éditeur de logiciels").await;
    paul.taps("Le budget participatif de Rennes").await;
    paul.taps("Monter").await;
    paul.taps("← Les entrées").await;
    paul.taps("← L’édition").await;
    paul.taps("Introduction").await;
    paul.taps("Écrire en français").await;
    paul.says("Bonjour {{nom}}").await;
    paul.hears("L’introduction ne convient pas").await;
    paul.says("Une rentrée **participative**.").await;
    paul.hears("L’introduction est enregistrée.").await;
    paul.taps("Aperçus").await;
    paul.taps("Français, longue").await;
    paul.hears("Une rentrée participative.").await;
    let preview = paul.hears(RENNES.0).await.text;
    assert!(!preview.contains(ADVERT.0), "{preview}");

    // Somebody else is at it too.
    paul.says("/editions 1").await;
    paul.taps("Approuver").await;
    paul.hears("Approuver l’édition n° 1 telle qu’elle est ?").await;
    let seen = crieur.edition(1).await;
    let words = "A participatory autumn.";
    crieur.edits(async |cx| operations::introduce(cx, 1, seen.revision, Locale::En, words, Some("claire")).await).await;
    let (revision, hash) = (seen.revision.to_string(), seen.hash.to_string());
    let refused = crieur.command(&["digest", "approve", "1", "--revision", &revision, "--hash", &hash]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && told.contains("changed"), "{told}");
    paul.taps("Oui, approuver").await;
    paul.hears("Ce bouton était d’une version plus ancienne").await;
    assert_eq!(crieur.edition(1).await.state, State::Draft);
    paul.taps("Approuver").await;
    paul.taps("Oui, approuver").await;
    paul.hears("L’édition est publiée : chacun la reçoit à son heure.").await;
    crieur.quiet().await;
    let stored = crieur.edition(1).await;
    assert_eq!((stored.expected, stored.approved_by.is_some()), (Some(2), true), "the monthly reader waits");

    // Tuesday at nine, and not before.
    moves_to(&crieur, "2026-09-08T06:50:00Z").await;
    assert!(digests(&mut ana).await.is_empty());
    moves_to(&crieur, "2026-09-08T07:00:00Z").await;
    assert_eq!(digests(&mut ana).await.len(), 1);
    // With a picture in the middle it is several messages.
    let letter: Vec<String> = ana.sees_everything().await.into_iter().map(|message| message.text).collect();
    let letter = letter.join("\n");
    for part in [
        "Une rentrée participative.",
        "Les outils numériques renforcent la participation",
        "80,1 %",
        "La place du marché",
        "La médiathèque",
        "terminée le",
        NANTES.0,
        RENNES.0,
        TRAINING.0,
        "Rencontre des budgets participatifs",
        "Atelier ouvert sans heure de fin",
    ] {
        assert!(letter.contains(part), "{part} is not in\n{letter}");
    }
    assert!(!letter.contains(ADVERT.0), "{letter}");
    // The editor moved Rennes up by one.
    let places = [NANTES, RENNES, TRAINING].map(|(title, _)| letter.find(title));
    assert!(places.is_sorted(), "{letter}");
    assert!(digests(&mut ben).await.is_empty(), "it is not Thursday yet");

    moves_to(&crieur, "2026-09-10T12:00:00Z").await;
    let got = digests(&mut ben).await;
    assert_eq!(got.len(), 1);
    let letter = &got[0].text;
    for part in ["A participatory autumn.", "Digital tools strengthen participation", NANTES.0, RENNES.0] {
        assert!(letter.contains(part), "{part} is not in\n{letter}");
    }
    assert!(!letter.contains(TRAINING.0) && !letter.contains("En bref"), "{letter}");
    assert!(digests(&mut cleo).await.is_empty());
    assert_eq!(digests(&mut ana).await.len(), 1);

    // It adds up, in the outbox too.
    crieur.settles().await;
    let (proof, is_right) = crieur.proof(1);
    assert!(is_right && proof["adds_up"] == true, "{proof:#}");
    assert_eq!((&proof["expected"], &proof["by_state"]["sent"]), (&2.into(), &2.into()), "{proof:#}");

    archive_is_kept(&crieur).await;

    // One leaves by the button, the other by the link, which asks first.
    let leaving = digests(&mut ana).await.remove(0);
    let button = leaving.buttons.iter().find(|button| button.label == "Se désabonner").unwrap();
    ana.presses(&button.action).await;
    ana.hears("C’est fait : vous ne recevrez plus").await;
    let shown = digests(&mut ben).await.remove(0).data.to_string();
    let (_, rest) = shown.split_once("/digests/leave/").expect("a link leaves");
    let token: String =
        rest.chars().take_while(|sign| sign.is_ascii_alphanumeric() || ['-', '_'].contains(sign)).collect();
    let path = format!("/digests/leave/{token}");
    let active = async || {
        let active = "SELECT count(*) FROM barometer_digests.reader WHERE state = 'active'";
        sqlx::query_scalar::<_, i64>(active).fetch_one(crieur.database.pool()).await.unwrap()
    };
    for _ in 0..3 {
        let (status, page) = crieur.page(&path).await;
        assert!(status == 200 && page.contains("Rien n’est changé tant que"), "{page}");
    }
    assert_eq!(active().await, 2, "looking changes nothing");
    let left = reqwest::Client::new().post(crieur.site.address(&path)).send().await.unwrap();
    assert!(left.status().is_success() && left.text().await.unwrap().contains("Vous êtes désabonné(e)"));
    assert_eq!(active().await, 1);

    // The next week is left out.
    newsstand.puts("/flux.xml", "application/rss+xml", &rss(&[("Une semaine sans grande nouvelle", "Fri, 11 Sep")]));
    moves_to(&crieur, "2026-09-12T08:00:00Z").await;
    moves_to(&crieur, "2026-09-14T05:00:00Z").await;
    paul.says("/editions").await;
    paul.taps("N° 2").await;
    paul.taps("Passer").await;
    paul.hears("Pourquoi passer l’édition n° 2 ?").await;
    paul.says("Rien qui vaille un envoi").await;
    paul.hears("L’édition est passée").await;
    moves_to(&crieur, "2026-09-17T12:00:00Z").await;
    assert_eq!(digests(&mut ana).await.len() + digests(&mut ben).await.len(), 2, "what they had before");
    assert_eq!(crieur.page("/digests/2").await.0, 404, "what was skipped is not published");
}

/// What was published stays what it was, whatever is appended.
async fn archive_is_kept(crieur: &Crieur) {
    let file = async || serde_json::from_str::<Value>(&crieur.page("/digests/1.json").await.1).unwrap();
    let before = file().await;
    let hash = |file: &Value| {
        let bytes = Sha256::digest(file["canonical"].as_str().unwrap());
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    assert_eq!(before["sha256"], hash(&before));
    let words = Wording { fr: "Rennes ne double pas : elle augmente d’un tiers.".to_owned(), en: None };
    crieur.edits(async |cx| operations::correct(cx, 1, &words, Some("claire")).await).await;
    let after = file().await;
    assert_eq!((&after["canonical"], &after["sha256"]), (&before["canonical"], &before["sha256"]));
    assert_eq!(after["sha256"], hash(&after));
    for path in ["/digests/1", "/digests/feed.atom"] {
        let (status, page) = crieur.page(path).await;
        assert!(status == 200 && page.contains("elle augmente d’un tiers"), "{path}: {page}");
    }
    let (_, page) = crieur.page("/digests/1").await;
    assert!(page.contains("<svg") && page.contains("/digests/data/barometre/1#row-"), "{page}");
    assert!(page.contains("en panne lors de la préparation") && page.contains("tenu ici"), "{page}");
    assert!(!page.contains("pas encore lue"), "{page}");
    let (status, csv) = crieur.page("/digests/data/barometre/1.csv").await;
    assert!(status == 200 && csv.contains("80.1"), "{csv}");
    assert!(crieur.page("/digests").await.1.contains("corrigée le"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_told_by_itself_until_somebody_says_stop() {
    let (crieur, newsstand) = town().await;
    let mut cleo = subscribes_by_month(&crieur).await;
    moves_to(&crieur, "2026-10-01T04:00:00Z").await;
    let monthly = crieur.edits(async |cx| operations::list(cx, 10).await).await;
    let monthly = monthly.iter().find(|edition| edition.edition.period.to_string() == "2026-10").unwrap();
    assert_eq!((monthly.state, monthly.expected), (State::Sending, Some(1)));
    assert!(digests(&mut cleo).await.is_empty());
    moves_to(&crieur, "2026-10-06T07:00:00Z").await;
    let got = digests(&mut cleo).await;
    assert_eq!(got.len(), 1);
    assert!(got[0].text.contains(NANTES.0), "{}", got[0].text);
    crieur.settles().await;
    assert!(crieur.proof(monthly.number).1);

    newsstand.puts("/flux.xml", "application/rss+xml", &rss(&[("Des nouvelles fraîches d’octobre", "Mon, 19 Oct")]));
    moves_to(&crieur, "2026-10-20T08:00:00Z").await;
    moves_to(&crieur, "2026-11-01T05:00:00Z").await;
    // Published, and not her hour yet.
    cleo.says("STOP").await;
    cleo.hears("je ne vous écrirai plus en premier").await;
    moves_to(&crieur, "2026-11-03T08:00:00Z").await;
    crieur.settles().await;
    assert_eq!(digests(&mut cleo).await.len(), 1);
    let november = crieur.edits(async |cx| operations::list(cx, 10).await).await;
    let november = november.iter().find(|edition| edition.edition.period.to_string() == "2026-11").unwrap();
    let (proof, is_right) = crieur.proof(november.number);
    assert!(is_right, "{proof:#}");
    assert_eq!(proof["expected"], 1, "{proof:#}");
    assert!(proof["by_state"].get("sent").is_none_or(|sent| sent == 0), "{proof:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_who_is_late_is_not_waited_for_a_week() {
    let (crieur, _newsstand) = town().await;
    let mut ana = subscribes_in_full(&crieur).await;
    let mut paul = crieur.organiser().await;
    moves_to(&crieur, "2026-09-07T05:00:00Z").await;
    // Wednesday: her Tuesday has passed, by less than the file allows.
    moves_to(&crieur, "2026-09-09T14:00:00Z").await;
    paul.says("/editions 1").await;
    paul.taps("Entrées").await;
    paul.taps(TRAINING.0).await;
    paul.taps("Retirer").await;
    paul.hears("Retiré : Une formation").await;
    paul.taps("← L’édition").await;
    paul.taps("Ajouter").await;
    paul.taps(TRAINING.0).await;
    paul.hears("Ajouté : Une formation").await;
    paul.taps("← L’édition").await;
    paul.taps("Approuver").await;
    paul.taps("Oui, approuver").await;
    paul.hears("L’édition est publiée").await;
    crieur.settles().await;
    assert_eq!(digests(&mut ana).await.len(), 1);
    assert_eq!(times(&mut ana, TRAINING.0).await, 1, "added again, it is in once");
    // Hers of the next week comes at its own hour, whatever was late in this one.
    moves_to(&crieur, "2026-09-14T05:00:00Z").await;
    assert!(!crieur.edition(2).await.edition.is_empty());
    crieur.approves(2).await;
    assert_eq!(digests(&mut ana).await.len(), 1);
    moves_to(&crieur, "2026-09-15T07:00:00Z").await;
    assert_eq!(digests(&mut ana).await.len(), 2);
    crieur.settles().await;
    assert!(crieur.proof(1).1 && crieur.proof(2).1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_long_outage_an_edition_has_expired_for_those_whose_hour_is_long_past() {
    let (mut crieur, _newsstand) = town().await;
    let (mut ana, mut ben) = (subscribes_in_full(&crieur).await, subscribes_in_english(&crieur).await);
    moves_to(&crieur, "2026-09-07T05:00:00Z").await;
    crieur.approves(1).await;
    crieur.crash().await;
    // Ana's Tuesday at nine is 77 hours ago, Ben's Thursday at 14 is one day ago.
    crieur.clock.set("2026-09-11T12:00:00Z".parse().unwrap());
    crieur.start().await;
    crieur.settles().await;
    assert_eq!((digests(&mut ana).await.len(), digests(&mut ben).await.len()), (0, 1));
    let (proof, is_right) = crieur.proof(1);
    assert!(is_right, "{proof:#}");
    let states: BTreeMap<String, u64> = serde_json::from_value(proof["by_state"].clone()).unwrap();
    assert_eq!((states.get("expired"), states.get("sent")), (Some(&1), Some(&1)), "{proof:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_a_clear_error_and_loses_nothing() {
    let (crieur, newsstand) = town().await;
    let place = tempfile::tempdir().unwrap();
    let written = |name: &str, words: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, words).unwrap();
        path.to_str().unwrap().to_owned()
    };

    // A template with an unknown variable: nothing changes.
    let wrong = format!("{DIGEST}\n[wording.fr]\nnews = \"{{{{titre}}}}, {{{{auteur}}}}\"\n");
    let wrong = written("digest.toml", &wrong.replace("{place}", &newsstand.place()));
    for command in ["validate", "set"] {
        let refused = crieur.command(&["digest", command, &wrong]);
        let told = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{told}");
        assert!(told.contains("auteur") && told.contains("titre"), "{told}");
    }
    assert_eq!(crieur.edits(async |cx| operations::definition(cx).await).await.version, 1);

    // A text where a number was: the version before stays.
    let wrong = written("barometre.csv", &BAROMETER.replace(";80,1;", ";beaucoup;"));
    let refused = crieur.command(&["digest", "dataset", "import", &wrong, "--key", "barometre"]);
    let [said, warned] = [&refused.stdout, &refused.stderr].map(|told| String::from_utf8_lossy(told));
    let told = format!("{said}{warned}");
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("beaucoup") && told.contains("nothing was imported"), "{told}");
    let versions = crieur.command(&["digest", "dataset", "list", "--json"]);
    let versions: Value = serde_json::from_slice(&versions.stdout).unwrap();
    assert_eq!(versions.as_array().map(Vec::len), Some(1), "{versions:#}");

    // A feed that is a page, and a calendar that is none: what was harvested before is in the edition.
    newsstand.puts("/flux.xml", "text/html", PAGE);
    newsstand.puts("/agenda.ics", "text/html", PAGE);
    moves_to(&crieur, "2026-09-04T08:00:00Z").await;
    moves_to(&crieur, "2026-09-07T05:00:00Z").await;
    let stored = crieur.edition(1).await;
    let failing: Vec<&str> =
        stored.edition.sources.iter().filter(|source| source.is_failing).map(|source| source.key.as_str()).collect();
    assert_eq!(failing, ["actualites", "agenda"]);
    let shown = crieur.command(&["digest", "show", "1"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for part in [NANTES.0, RENNES.0, "Atelier ouvert sans heure de fin", "failing when drafted"] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
}
