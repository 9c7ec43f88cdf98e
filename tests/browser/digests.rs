//! A digest from subscribing to leaving: the letter in the chat, the archive, the open data behind its figures, and the
//! link by which one leaves.

use barometer_digests::barometer::store::{By, import};
use barometer_digests::barometer::table::{Wanted, read};
use barometer_digests::edition::{Edition, operations, store};
use bot_core::Wording;

use crate::browser::{Browser, Scheme};
use crate::town::Crieur;

const DIGEST: &str = r#"
title = { fr = "La lettre de l’observatoire", en = "The observatory’s digest" }
time_zone = "Europe/Paris"

[weekly]
draft = "0 7 * * 1"
approval = "by_hand"
sending = "on_approval"
late_within_hours = 72
"#;
/// An entry of every kind.
const EDITION: &str = include_str!("../../plugins/barometer-digests/samples/edition.json");
/// In it the service starts, an hour after the hour of its readers: they get it at once.
const WEEK: &str = "2026-W36";
const TABLE: &[u8] = include_bytes!("../../plugins/barometer-digests/examples/barometre.csv");
const LETTER: &str = "Cette lettre sur le web";

async fn operates<T, E: std::fmt::Debug>(
    crieur: &Crieur,
    work: impl AsyncFnOnce(&mut bot_core::plugin::Context) -> Result<T, E>,
) -> T {
    crieur.operates_as("barometer-digests", work).await
}

async fn publishes(crieur: &Crieur) {
    operates(crieur, async |cx| {
        let (organisation, now) = (cx.organisation.id, cx.now);
        let edition = Edition { period: WEEK.parse().unwrap(), ..serde_json::from_str(EDITION).unwrap() };
        let number = store::insert(cx.sql(), organisation, &edition, "claire", now).await?;
        let stored = operations::show(cx, number).await?;
        operations::approve(cx, number, stored.revision, stored.hash, Some("claire")).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_is_for_everybody_from_subscribing_to_leaving() {
    let Some(browser) = Browser::opens().await else { return };
    let crieur = Crieur::starts().await;
    operates(&crieur, async |cx| operations::set_definition(cx, DIGEST, Some("claire")).await).await;
    let table = read(TABLE.to_vec(), &Wanted::Usual).unwrap();
    let dataset = "barometre".parse().unwrap();
    operates(&crieur, async |cx| import(cx, &dataset, "barometre.csv", By::Operator, &table, false).await).await;

    browser.visits(&crieur.site.address("/")).await;
    browser.sees("Oui, prévenez-moi").await;
    browser.writes("/abonner").await;
    browser.presses("Je m’abonne").await;
    browser.presses("Version complète").await;
    browser.sees("complète, avec résumés et graphiques").await;
    crieur.quiet().await;
    publishes(&crieur).await;
    browser.sees(LETTER).await;
    let drawn = "return [...document.querySelectorAll('#log img')].every(image => image.naturalWidth > 100)";
    browser.until("the charts are drawn", drawn).await;
    for scheme in [Scheme::Light, Scheme::Dark] {
        browser.screenshot(&format!("digest-letter-{scheme:?}"), scheme, 1280, 3000).await;
        browser.satisfies_axe("the letter in the chat", scheme).await;
    }
    browser.fits("the letter in the chat").await;
    let leave = "return document.querySelector(\"#log a[href*='/digests/leave/']\").href";
    let leave = browser.asks(leave).await.as_str().unwrap().to_owned();

    let correction = Wording { fr: "Il fallait lire 98 collectivités.".to_owned(), en: Some("Read 98.".to_owned()) };
    operates(&crieur, async |cx| operations::correct(cx, 1, &correction, Some("claire")).await).await;
    for path in ["/digests", "/digests/1", "/digests/data/barometre/1"] {
        satisfies(&browser, path, &crieur.site.address(path)).await;
    }
    satisfies(&browser, "/digests/leave", &leave).await;
    browser.visits(&leave).await;
    browser.presses_selector("form button").await;
    browser.sees("Vous êtes désabonné(e)").await;
    for scheme in [Scheme::Light, Scheme::Dark] {
        browser.satisfies_axe("the page after leaving", scheme).await;
    }
    browser.fits("the page after leaving").await;
    satisfies(&browser, "the link of somebody who left", &leave).await;
    browser.closes().await;
}

async fn satisfies(browser: &Browser, page: &str, address: &str) {
    for locale in ["fr", "en"] {
        browser.visits(&format!("{address}?lang={locale}")).await;
        assert_eq!(browser.asks("return document.documentElement.lang").await, locale, "{page}");
        for scheme in [Scheme::Light, Scheme::Dark] {
            let name = format!("{}-{locale}-{scheme:?}", page.trim_start_matches('/').replace('/', "-"));
            browser.screenshot(&name, scheme, 1280, 2400).await;
            browser.screenshot(&format!("{name}-narrow"), scheme, 390, 2400).await;
        }
        // What is folded is judged as well.
        browser.asks("document.querySelectorAll('details').forEach(details => details.open = true)").await;
        browser.fits(page).await;
        for scheme in [Scheme::Light, Scheme::Dark] {
            browser.satisfies_axe(&format!("{page} in {locale}"), scheme).await;
        }
    }
}
