//! The chat and the public pages in a real browser, by keyboard, on narrow and wide screens, and as axe-core judges
//! them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod browser;
#[path = "../conversations/citizen.rs"]
#[allow(dead_code, reason = "shared with the conversations, which use all of it")]
mod citizen;
mod digests;
#[path = "../conversations/town.rs"]
#[allow(dead_code, reason = "shared with the conversations, which use all of it")]
mod town;

use browser::{Browser, Scheme};
use town::Crieur;

const MARKET: &str = include_str!("../../plugins/micro-consultations/demo/place-du-marche.toml");
/// Live counts of an anonymous consultation appear from this many ballots.
const BALLOTS_TO_SEE_RESULTS: usize = 5;

/// Others vote, so that there is something to see.
async fn others_vote(crieur: &Crieur, count: usize) {
    let options = ["Halle couverte", "Jardin et bancs", "Halle couverte", "Esplanade libre", "Garder le parking"];
    for option in options.iter().cycle().take(count) {
        let mut citizen = crieur.citizen().await;
        citizen.says("/consultations").await;
        citizen.taps("Répondre").await;
        citizen.taps(option).await;
        citizen.taps("Déposer").await;
        citizen.hears("Votre bulletin est enregistré").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_citizen_votes_by_keyboard_alone_and_finds_the_conversation_again() {
    let Some(browser) = Browser::opens().await else { return };
    let crieur = Crieur::starts().await;
    crieur.opens(MARKET).await;
    others_vote(&crieur, BALLOTS_TO_SEE_RESULTS - 1).await;
    browser.visits(&crieur.site.address("/")).await;
    browser.sees("Ville de Trifouilly").await;

    browser.tabs_to("#text").await;
    browser.types("/consultations\n").await;
    browser.sees("Consultations en cours").await;
    for button in ["Répondre : La place du marché", "Jardin et bancs", "Déposer mon bulletin"] {
        browser.tabs_back_to_button(button).await;
        browser.types("\n").await;
    }
    browser.sees("Votre bulletin est enregistré. Merci !").await;
    browser.tabs_back_to_button("Voir les résultats").await;
    browser.types("\n").await;
    browser.sees("Résultats : La place du marché").await;
    browser.finds("#log img[alt*='Halle couverte']").await;
    browser.finds("#log table th[scope=row]").await;
    let drawn = "const image = document.querySelector('#log img'); return image.complete && image.naturalWidth > 100";
    browser.until("the chart is drawn", drawn).await;
    assert_eq!(crieur.participation("place-du-marche").await, BALLOTS_TO_SEE_RESULTS as u64);

    let messages = "return document.querySelectorAll('#log .message:not(.own)').length";
    let before = browser.asks(messages).await;
    browser.reloads().await;
    browser.until("it is all there again", &format!("{} === {before}", messages)).await;
    browser.sees("Votre bulletin est enregistré").await;

    // The page's language is a button as well.
    browser.tabs_to("button[data-locale=en]").await;
    browser.types("\n").await;
    browser.sees("Your message").await;
    assert_eq!(browser.asks("return document.documentElement.lang").await, "en");
    browser.tabs_to("#text").await;
    browser.types("/polls\n").await;
    browser.sees("Open consultations").await;
    browser.closes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chat_and_the_pages_fit_every_screen_and_satisfy_axe() {
    let Some(browser) = Browser::opens().await else { return };
    let crieur = Crieur::starts().await;
    for definition in ["participation-numerique", "horaires-mediatheque"] {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/micro-consultations/demo");
        crieur.opens(&std::fs::read_to_string(format!("{folder}/{definition}.toml")).unwrap()).await;
    }
    crieur.closes("horaires-mediatheque").await;
    crieur.opens(MARKET).await;
    browser.visits(&crieur.site.address("/")).await;
    browser.sees("Ville de Trifouilly").await;
    browser.writes("/start").await;
    browser.sees("Oui, prévenez-moi").await;
    browser.writes("/consultations").await;
    browser.presses("Répondre : La place du marché").await;
    browser.sees("Que souhaitez-vous au centre de la place").await;
    browser.screenshot("chat-question", Scheme::Light, 1280, 800).await;
    browser.presses("Halle couverte").await;
    browser.presses("Déposer mon bulletin").await;
    browser.sees("Votre bulletin est enregistré").await;
    others_vote_besides(&crieur).await;
    browser.presses("Voir les résultats").await;
    browser.finds("#log img[alt*='Halle couverte']").await;
    let drawn = "const image = document.querySelector('#log img'); return image.complete && image.naturalWidth > 100";
    browser.until("the chart is drawn", drawn).await;
    browser.screenshot("chat", Scheme::Light, 1280, 900).await;
    browser.screenshot("chat-narrow", Scheme::Light, 390, 844).await;

    for locale in ["fr", "en"] {
        browser.presses_selector(&format!("button[data-locale={locale}]")).await;
        browser.until("the language", &format!("return document.documentElement.lang === '{locale}'")).await;
        browser.fits("the chat").await;
        for scheme in [Scheme::Light, Scheme::Dark] {
            browser.satisfies_axe(&format!("the chat in {locale}"), scheme).await;
        }
    }
    for path in ["/consultations", "/consultations/place-du-marche", "/consultations/horaires-mediatheque"] {
        for locale in ["fr", "en"] {
            browser.visits(&crieur.site.address(&format!("{path}?lang={locale}"))).await;
            assert_eq!(browser.asks("return document.documentElement.lang").await, locale);
            if path.ends_with("place-du-marche") && locale == "fr" {
                browser.screenshot("result", Scheme::Light, 1280, 1400).await;
            }
            browser.fits(path).await;
            for scheme in [Scheme::Light, Scheme::Dark] {
                browser.satisfies_axe(&format!("{path} in {locale}"), scheme).await;
            }
        }
    }
    browser.closes().await;
}

/// Enough for the counts to be shown, and to look like something.
async fn others_vote_besides(crieur: &Crieur) {
    for option in ["Halle", "Jardin", "Jardin", "Halle", "Esplanade", "Garder", "Halle", "Jardin", "Halle"] {
        let mut citizen = crieur.citizen().await;
        citizen.says("/consultations").await;
        citizen.taps("Répondre : La place du marché").await;
        citizen.taps(option).await;
        citizen.taps("Déposer").await;
        citizen.hears("Votre bulletin est enregistré").await;
    }
}
