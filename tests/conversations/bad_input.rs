//! What should not have been sent: a clear answer, nothing lost, nothing counted twice.

use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::json;

use crate::citizen::Citizen;
use crate::town::{Crieur, start_of_time};
use crate::voting::MARKET;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_is_refused_with_its_reason_and_takes_no_place() {
    let crieur = Crieur::starts().await;
    let mut ana = crieur.citizen().await;
    let json = "application/json";
    let cases: [(&str, Vec<u8>, u16, &str); 9] = [
        (json, format!("{{\"text\":\"{}\"}}", "é".repeat(4001)).into_bytes(), 413, "text_too_long"),
        (json, format!("{{\"text\":\"{}\"}}", "a".repeat(20_000)).into_bytes(), 413, "body_too_large"),
        (json, b"{\"text\":\"caf\xe9\"}".to_vec(), 400, "bad_body"),
        (json, b"{\"text\":\"a\\u0000b\"}".to_vec(), 400, "bad_body"),
        (json, b"{\"text\":\"\\ud800\"}".to_vec(), 400, "bad_body"),
        (json, b"{\"text\":\"a\",\"action\":\"b\"}".to_vec(), 400, "empty_message"),
        (json, b"{\"text\":\"   \"}".to_vec(), 400, "empty_message"),
        (json, b"{\"action\":\"\xc2\xa0\"}".to_vec(), 400, "bad_action"),
        ("text/plain", b"bonjour".to_vec(), 415, "not_json"),
    ];
    for (content_type, body, status, code) in cases {
        let what = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert_eq!(ana.posts_raw(content_type, body).await, (status, code.to_owned()), "{what}");
    }
    crieur.quiet().await;
    assert_eq!(ana.sees_everything().await.len(), 0, "nothing of it reached anybody");
    // The longest that is allowed is read.
    ana.says(&"é".repeat(4000)).await;
    ana.hears("Je n’ai pas compris").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_borrowed_and_repeated_buttons_count_for_nothing_more() {
    let crieur = Crieur::starts().await;
    crieur.opens(MARKET).await;
    let mut ana = crieur.citizen().await;
    let mut eve = crieur.citizen().await;
    ana.says("/consultations").await;
    ana.taps("Répondre").await;
    ana.taps("Halle").await;
    let cast = ana.finds("Déposer").await.action;
    // Somebody else's button, and one that nobody was sent.
    let mut forged = cast.clone();
    forged.replace_range(..1, if cast.starts_with('A') { "B" } else { "A" });
    for action in [cast.as_str(), forged.as_str(), "AAAA"] {
        eve.presses(action).await;
        eve.hears("n’est pas valable dans cette conversation. Rien n’a été enregistré").await;
    }
    assert_eq!(crieur.participation("place-du-marche").await, 0);

    // The same message twice, and the same button twice at once.
    let message = json!({ "action": cast, "id": "the-vote" });
    let (one, two) = tokio::join!(ana.posts(&message), ana.posts(&message));
    assert_eq!((one, two), (Some(StatusCode::ACCEPTED), Some(StatusCode::ACCEPTED)));
    let again = json!({ "action": cast });
    let (three, four) = tokio::join!(ana.posts(&again), ana.posts(&again));
    assert_eq!((three, four), (Some(StatusCode::ACCEPTED), Some(StatusCode::ACCEPTED)));
    crieur.quiet().await;
    assert_eq!(crieur.participation("place-du-marche").await, 1);
    let shown = ana.sees_everything().await;
    let receipts = shown.iter().filter(|message| message.text.contains("Votre bulletin est enregistré"));
    assert!(receipts.count() >= 1);

    // A word said twice under one id is answered once.
    let word = json!({ "text": "/aide", "id": "help" });
    for _ in 0..2 {
        assert_eq!(eve.posts(&word).await, Some(StatusCode::ACCEPTED));
    }
    crieur.quiet().await;
    let shown = eve.sees_everything().await;
    assert_eq!(shown.iter().filter(|message| message.text.contains("Voici ce que vous pouvez")).count(), 1);
}

/// An hour that comes twice gives nobody a second allowance of messages: it fills again from nothing.
async fn waits_as_told(crieur: &Crieur, citizen: &Citizen) {
    assert_eq!(citizen.posts(&json!({ "text": "/aide" })).await, Some(StatusCode::TOO_MANY_REQUESTS));
    crieur.clock.advance(TimeDelta::seconds(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_back_loses_no_vote_and_reopens_nothing() {
    let crieur = Crieur::starts().await;
    crieur.opens(MARKET).await;
    let mut ana = crieur.citizen().await;
    ana.says("/consultations").await;
    ana.taps("Répondre").await;
    ana.taps("Jardin").await;
    ana.finds("Déposer").await;
    crieur.clock.set(start_of_time() - TimeDelta::hours(1));
    waits_as_told(&crieur, &ana).await;
    ana.taps("Déposer").await;
    // Before its opening by this clock: either it counts, or it is said that it does not yet.
    let answer = ana.reads().await;
    crieur.quiet().await;
    let counted = crieur.participation("place-du-marche").await;
    assert_eq!(answer.contains("Votre bulletin est enregistré"), counted == 1, "{answer}");
    crieur.clock.set(start_of_time() + TimeDelta::minutes(5));
    crieur.quiet().await;
    let mut bob = crieur.citizen().await;
    bob.votes("Halle").await;
    assert_eq!(crieur.participation("place-du-marche").await, counted + 1);

    // Closed is closed, whatever the clock says afterwards.
    crieur.clock.advance(TimeDelta::days(15));
    crieur.quiet().await;
    crieur.clock.set(start_of_time());
    waits_as_told(&crieur, &bob).await;
    bob.says("/consultations").await;
    bob.hears("Aucune consultation n’est ouverte").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_consultation_file_is_told_by_line_and_field() {
    let crieur = Crieur::starts().await;
    let place = tempfile::tempdir().unwrap();
    let cases = [
        (MARKET.replace("anonymity", "anonimity"), "anonimity", 4),
        (MARKET.replace("duration_days = 14", "duration_days = 0"), "duration_days", 3),
        (MARKET.replace("\"Jardin et bancs\", \"Garder le parking\"", ""), "questions[1].options", 12),
        (MARKET.replace("slug = \"place-du-marche\"", "slug = \"Place du marché\""), "slug", 1),
        (MARKET.replace("[[questions]]", "[questions"), "", 9),
    ];
    for (index, (file, field, line)) in cases.into_iter().enumerate() {
        let path = place.path().join(format!("{index}.toml"));
        std::fs::write(&path, file).unwrap();
        let told = crieur.command(&["consultation", "validate", path.to_str().unwrap()]);
        let words = String::from_utf8(told.stderr).unwrap();
        assert_eq!(told.status.code(), Some(2), "{words}");
        assert!(words.contains(&format!("line {line}")) && words.contains(field), "{words}");
        let created = crieur.command(&["consultation", "create", path.to_str().unwrap()]);
        assert_eq!(created.status.code(), Some(2));
    }
    let list = crieur.command(&["consultation", "list", "--json"]);
    assert_eq!(String::from_utf8(list.stdout).unwrap().trim(), "[]", "nothing was stored");
}
