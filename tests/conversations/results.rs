//! Who sees which results and when, how a consultation ends, and what is left of who chose what.

use chrono::TimeDelta;

use crate::ledger::Ledger as _;
use crate::town::Crieur;
use crate::voting::MARKET;

fn visible(when: &str) -> String {
    MARKET.replace("results = \"always\"", &format!("results = \"{when}\""))
}

#[tokio::test(flavor = "multi_thread")]
async fn results_always_are_seen_without_answering() {
    let crieur = Crieur::starts().await;
    crieur.opens(MARKET).await;
    crieur.citizen().await.votes("Jardin").await;
    let mut eve = crieur.citizen().await;
    eve.says("/consultations").await;
    eve.taps("Répondre").await;
    eve.taps("Voir les résultats sans répondre").await;
    let result = eve.hears("Résultats : La place du marché").await;
    assert!(result.text.contains("Jardin et bancs"), "{}", result.text);
    assert_eq!(crieur.participation("place-du-marche").await, 1, "looking is no vote");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_after_the_vote_are_for_those_who_answered() {
    let crieur = Crieur::starts().await;
    crieur.opens(&visible("after_vote")).await;
    let mut ana = crieur.citizen().await;
    ana.votes("Jardin").await;
    ana.taps("Voir les résultats").await;
    ana.hears("Résultats : La place du marché").await;
    let mut eve = crieur.citizen().await;
    eve.says("/resultats").await;
    let list = eve.reads().await;
    assert!(!list.contains("100 %"), "{list}");
    eve.says("/resultats place-du-marche").await;
    eve.hears("s’affichent une fois que vous avez répondu").await;
    eve.says("/consultations").await;
    eve.taps("Répondre").await;
    let question = eve.reads().await;
    assert!(!question.contains("sans répondre"), "{question}");
    let (_, page) = crieur.page("/consultations/place-du-marche").await;
    assert!(!page.contains("<svg") && page.contains("une fois que vous avez répondu"));
}

#[tokio::test(flavor = "multi_thread")]
async fn results_after_the_closing_are_for_nobody_before() {
    let crieur = Crieur::starts().await;
    crieur.opens(&visible("after_close")).await;
    let mut ana = crieur.citizen().await;
    ana.votes("Jardin").await;
    let receipt = ana.reads().await;
    assert!(receipt.contains("publiés à la clôture") && !receipt.contains("[Voir les résultats]"), "{receipt}");
    ana.says("/resultats place-du-marche").await;
    ana.hears("seront publiés à la clôture").await;
    let (_, page) = crieur.page("/consultations/place-du-marche").await;
    assert!(!page.contains("<svg"));
    crieur.closes("place-du-marche").await;
    ana.says("/resultats place-du-marche").await;
    ana.hears("Résultats définitifs sur 1 bulletin").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consultation_closes_by_the_clock_and_anybody_can_recount_it() {
    let crieur = Crieur::starts().await;
    crieur.opens(MARKET).await;
    let mut citizens = crieur.citizens(6).await;
    for (index, citizen) in citizens.iter_mut().enumerate() {
        citizen.votes(["Halle", "Jardin", "Halle", "Garder", "Halle", "Jardin"][index]).await;
    }
    let mut late = crieur.citizen().await;
    late.says("/consultations").await;
    late.taps("Répondre").await;
    late.taps("Garder le parking").await;
    let cast = late.finds("Déposer").await.action;

    crieur.clock.advance(TimeDelta::days(14));
    crieur.quiet().await;
    late.presses(&cast).await;
    let answer = late.hears("est close depuis le mardi 15 septembre 2026").await;
    assert!(answer.text.contains("Halle couverte"), "the results come with the news: {}", answer.text);
    late.says("/consultations").await;
    late.hears("Aucune consultation n’est ouverte").await;

    let (status, csv) = crieur.page("/consultations/place-du-marche/ballots.csv").await;
    assert_eq!(status, 200);
    let count = |option: &str| csv.lines().filter(|line| *line == format!("\"{option}\"")).count();
    let recount = [count("Halle couverte"), count("Jardin et bancs"), count("Garder le parking")];
    assert_eq!((csv.lines().count(), recount), (7, [3, 2, 1]));
    let (_, page) = crieur.page("/consultations/place-du-marche").await;
    assert!(page.contains("Résultats définitifs sur 6 bulletins"));
    for (option, ballots) in [("Halle couverte", 3), ("Jardin et bancs", 2), ("Garder le parking", 1)] {
        assert!(page.contains(&format!("{option}</th><td>{ballots}</td>")), "{option} {ballots}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_anonymous_closing_nothing_in_the_core_says_who_chose_what() {
    let crieur = Crieur::starts().await;
    let text = "\n[[questions]]\nkind = \"free_text\"\ntext = \"Une idée ?\"\n";
    crieur.opens(&format!("{MARKET}{text}")).await;
    let mut citizens = crieur.citizens(3).await;
    let mut pressed = Vec::new();
    for (index, (citizen, option)) in
        citizens.iter_mut().zip(["Halle couverte", "Jardin et bancs", "Garder"]).enumerate()
    {
        citizen.says("/consultations").await;
        citizen.taps("Répondre").await;
        let choice = citizen.finds(option).await.action;
        citizen.presses(&choice).await;
        citizen.hears("Une idée ?").await;
        citizen.says(&format!("mot-secret-{index}")).await;
        citizen.hears("Relisez vos réponses").await;
        let cast = citizen.finds("Déposer").await.action;
        pressed.extend([choice, cast.clone()]);
        // The last one never casts: what was begun is forgotten as well.
        if index < 2 {
            citizen.presses(&cast).await;
            citizen.hears("Votre bulletin est enregistré").await;
        }
    }
    crieur.quiet().await;
    // Before the closing it is all there, or this test would prove nothing.
    let before = crieur.database.everything_in("core").await;
    assert!(before.iter().any(|row| row.contains("Halle couverte")));
    assert!(before.iter().any(|row| row.contains("mot-secret-2")));
    assert!(before.iter().any(|row| row.contains(&pressed[0])));

    crieur.closes("place-du-marche").await;
    let after = crieur.database.everything_in("core").await;
    let options = ["Halle couverte", "Jardin et bancs", "Garder le parking", "mot-secret"];
    for secret in options.into_iter().chain(pressed.iter().map(String::as_str)) {
        let rows: Vec<&String> = after.iter().filter(|row| row.contains(secret)).collect();
        assert!(rows.is_empty(), "{secret:?} is still in the core: {rows:#?}");
    }
    // In the plugin's own tables each text lies apart from its ballot, and the roll has no address left.
    let plugin = crieur.database.everything_in("micro_consultations").await;
    let with_text: Vec<&String> = plugin.iter().filter(|row| row.contains("mot-secret")).collect();
    assert_eq!(with_text.len(), 2, "{with_text:#?}");
    assert!(with_text.iter().all(|row| row.starts_with("closed_text ")), "{with_text:#?}");
    assert!(
        !plugin.iter().any(|row| ["roll_address ", "ballot ", "draft "].iter().any(|table| row.starts_with(table)))
    );

    // Ballots were all written by one transaction, so that `xmin` joins each with everybody; and they lie in the
    // order of their random ids, so that `ctid` says nothing.
    let ballots =
        sqlx::query!(r#"SELECT xmin::text AS "xmin!", id FROM micro_consultations.closed_ballot ORDER BY ctid"#);
    let ballots = ballots.fetch_all(crieur.database.pool()).await.unwrap();
    assert_eq!(ballots.len(), 2);
    assert!(ballots[0].xmin == ballots[1].xmin && ballots[0].id < ballots[1].id);

    // What the citizens see: the question they answered was erased, the receipt stays.
    for citizen in &mut citizens[..2] {
        let shown = citizen.sees_everything().await;
        assert!(!shown.iter().any(|message| options.iter().any(|option| message.data.to_string().contains(option))));
        assert!(shown.iter().any(|message| message.text.contains("Votre bulletin est enregistré")));
    }
    let shown = citizens[2].sees_everything().await;
    assert!(shown.iter().any(|message| message.is_erased()), "{shown:?}");
}
