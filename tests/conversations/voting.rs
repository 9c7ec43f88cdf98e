//! A vote, from the list of consultations to the receipt.

use crate::citizen::Citizen;
use crate::town::Crieur;

/// One question, everything allowed, shown from the first ballot on.
pub const MARKET: &str = r#"slug = "place-du-marche"
title = "La place du marché"
duration_days = 14
anonymity = "anonymous"
results = "always"
results_from_ballots = 1
results_step = 1

[[questions]]
kind = "single"
text = "Que faire de la place ?"
options = ["Halle couverte", "Jardin et bancs", "Garder le parking"]
"#;

/// Every kind of question.
pub const LIBRARY: &str = r#"slug = "mediatheque"
title = "La médiathèque"
duration_days = 7
anonymity = "anonymous"
results = "always"
results_from_ballots = 1
results_step = 1

[[questions]]
kind = "multiple"
text = "Quels soirs ?"
options = ["Lundi", "Mardi", "Mercredi", "Jeudi"]
at_least = 1
at_most = 2

[[questions]]
kind = "rating"
text = "Êtes-vous satisfait de l’accueil ?"
scale = ["Pas du tout", "Plutôt non", "Plutôt oui", "Tout à fait"]

[[questions]]
kind = "free_text"
text = "Une idée ?"
optional = true
characters_max = 60
"#;

impl Citizen {
    /// From the list to the receipt, in a consultation of one question.
    pub async fn votes(&mut self, option: &str) {
        self.says("/consultations").await;
        self.taps("Répondre").await;
        self.taps(option).await;
        self.taps("Déposer mon bulletin").await;
        self.hears("Votre bulletin est enregistré").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_citizen_answers_in_chat_and_reads_the_result_in_chat_and_on_the_web() {
    let crieur = Crieur::starts().await;
    crieur.opens(MARKET).await;
    let mut ana = crieur.citizen().await;
    ana.says("/start").await;
    ana.hears("crieur public, pour Ville de Trifouilly").await;
    ana.says("/consultations").await;
    ana.hears("La place du marché : jusqu’au mardi 15 septembre 2026").await;
    ana.taps("Répondre : La place du marché").await;
    let question = ana.hears("Que faire de la place ?").await;
    assert!(question.text.contains("Consultation anonyme"), "{}", question.text);
    ana.taps("Halle couverte").await;
    let review = ana.hears("Relisez vos réponses").await;
    assert!(review.text.contains("Halle couverte"), "{}", review.text);
    assert_eq!(review.id, question.id, "the same message, edited in place");
    ana.taps("Déposer mon bulletin").await;
    let receipt = ana.hears("Votre bulletin est enregistré. Merci !").await;
    assert!(!receipt.text.contains("Halle"), "a receipt shows no choice: {}", receipt.text);

    ana.taps("Voir les résultats").await;
    ana.hears("Résultats : La place du marché").await;
    crieur.quiet().await;
    let shown = ana.sees_everything().await;
    let picture = shown.iter().find(|message| message.data["picture"].is_object()).expect("a chart");
    let alternative = picture.data["picture"]["alternative"].as_str().unwrap();
    assert!(alternative.contains("Halle couverte"), "{alternative}");
    let chart = ana.gets(picture.data["picture"]["url"].as_str().unwrap()).await;
    assert_eq!(chart.headers()["content-type"], "image/png");
    assert!(chart.bytes().await.unwrap().starts_with(b"\x89PNG"));
    let table = shown.iter().find_map(|message| {
        let blocks = message.data["blocks"].as_array()?;
        blocks.iter().find(|block| block["block"] == "table").cloned()
    });
    let table = table.expect("the same as a table").to_string();
    assert!(table.contains("Halle couverte") && table.contains("100"), "{table}");

    let (status, page) = crieur.page("/consultations/place-du-marche").await;
    assert_eq!(status, 200);
    for part in ["<svg", "<table", "Halle couverte", "Méthode", "Participation", "Résultats provisoires"] {
        assert!(page.contains(part), "the page lacks {part}");
    }
    assert_eq!(crieur.participation("place-du-marche").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_is_changed_withdrawn_and_cast_again_and_counts_once_throughout() {
    let crieur = Crieur::starts().await;
    crieur.opens(MARKET).await;
    let mut ana = crieur.citizen().await;
    ana.votes("Halle couverte").await;
    ana.taps("Modifier mon bulletin").await;
    ana.taps("Jardin et bancs").await;
    // Back from the review, and another one after all.
    ana.taps("← Revenir").await;
    let chosen = ana.finds("Jardin et bancs").await;
    assert!(chosen.chosen, "what was chosen before is marked");
    ana.taps("Garder le parking").await;
    ana.hears("Relisez vos réponses").await;
    ana.taps("Déposer").await;
    ana.hears("il remplace le précédent").await;
    assert_eq!(crieur.participation("place-du-marche").await, 1);

    ana.taps("Retirer mon bulletin").await;
    ana.hears("Voulez-vous retirer votre bulletin").await;
    ana.taps("Non, le garder").await;
    ana.hears("Votre bulletin est enregistré pour").await;
    ana.taps("Retirer").await;
    ana.taps("Oui, le retirer").await;
    ana.hears("il ne compte plus").await;
    assert_eq!(crieur.participation("place-du-marche").await, 0);
    ana.taps("Répondre").await;
    ana.taps("Halle").await;
    ana.taps("Déposer").await;
    ana.hears("Votre bulletin est enregistré").await;
    assert_eq!(crieur.participation("place-du-marche").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_question_can_be_answered() {
    let crieur = Crieur::starts().await;
    crieur.opens(LIBRARY).await;
    let mut ana = crieur.citizen().await;
    ana.says("/consultations").await;
    ana.taps("Répondre").await;
    ana.hears("Question 1/3").await;
    ana.taps("Continuer").await;
    ana.hears("Il faut choisir au moins une réponse").await;
    ana.taps("Lundi").await;
    ana.taps("Mardi").await;
    ana.taps("Jeudi").await;
    ana.hears("2 réponses au plus").await;
    ana.taps("Lundi").await;
    ana.taps("Jeudi").await;
    assert!(ana.finds("Jeudi").await.chosen);
    ana.taps("Continuer").await;
    ana.hears("Question 2/3").await;
    ana.taps("3 – Plutôt oui").await;
    ana.hears("Question 3/3").await;
    ana.says(&"trop long ".repeat(20)).await;
    ana.hears("il en faut 60 au plus").await;
    ana.says("Un café, s’il vous plaît").await;
    let review = ana.hears("Relisez vos réponses").await;
    for answer in ["Mardi, Jeudi", "Plutôt oui", "Un café, s’il vous plaît"] {
        assert!(review.text.contains(answer), "{}", review.text);
    }
    ana.taps("Déposer").await;
    ana.hears("Votre bulletin est enregistré").await;

    // Somebody else passes the optional one, and stops half-way at first.
    let mut bob = crieur.citizen().await;
    bob.says("/consultations").await;
    bob.taps("Répondre").await;
    bob.taps("Mercredi").await;
    bob.taps("Continuer").await;
    bob.hears("Question 2/3").await;
    bob.taps("Arrêter").await;
    bob.hears("ont été jetées").await;
    bob.says("/consultations").await;
    bob.taps("Répondre").await;
    bob.taps("Mardi").await;
    bob.taps("Continuer").await;
    bob.taps("1 – Pas du tout").await;
    bob.taps("Passer").await;
    bob.hears("sans réponse").await;
    bob.taps("Déposer").await;
    bob.hears("Votre bulletin est enregistré").await;

    crieur.closes("mediatheque").await;
    let (_, csv) = crieur.page("/consultations/mediatheque/ballots.csv").await;
    let mut ballots: Vec<&str> = csv.lines().skip(1).collect();
    ballots.sort_unstable();
    assert_eq!(ballots, [r#""0","1","0","0","1","0""#, r#""0","1","0","1","3","1""#]);
    let (_, page) = crieur.page("/consultations/mediatheque").await;
    assert!(page.contains("<blockquote>Un café, s’il vous plaît</blockquote>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_over_a_crash_a_lost_connection_and_in_another_language() {
    let mut crieur = Crieur::starts().await;
    crieur.opens(MARKET).await;
    let mut ana = crieur.citizen().await;
    ana.says("/consultations").await;
    ana.taps("Répondre").await;
    ana.finds("Halle couverte").await;
    crieur.crash_and_restart().await;
    ana.taps("Halle couverte").await;
    ana.loses_the_connection();
    ana.hears("Relisez vos réponses").await;
    ana.says("/langue").await;
    ana.taps("English").await;
    crieur.crash().await;
    crieur.start().await;
    ana.says("/polls").await;
    ana.hears("La place du marché").await;
    ana.taps("Answer: La place du marché").await;
    ana.hears("Check your answers").await;
    ana.taps("Cast").await;
    crieur.quiet().await;
    assert_eq!(crieur.participation("place-du-marche").await, 1);
}
