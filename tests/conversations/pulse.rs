//! An informal poll from its file to its page, on a network that has none of its own: it is asked in words, and what
//! nobody counted is unknown.

use micro_consultations::pulse::operations;

use crate::town::Crieur;

const EVENING: &str = r#"kind = "pulse"
slug = "ouverture-du-soir"
duration_hours = 48
question = "Faut-il ouvrir la médiathèque le soir ?"
options = ["Oui", "Non"]
"#;

/// A room, as an account reports one that it was invited to; its number.
async fn room(crieur: &Crieur) -> i64 {
    sqlx::query_scalar(
        "INSERT INTO core.conversation (organisation_id, id, account_id, kind, platform_ref, state, created_at)
         SELECT organisation_id, gen_random_uuid(), id, 'group', 'salon', 'open', $1 FROM core.account RETURNING number",
    )
    .bind(crieur.clock.now())
    .fetch_one(crieur.database.pool())
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_informal_poll_has_a_page_and_its_figures_as_files() {
    let crieur = Crieur::starts().await;
    let number = room(&crieur).await;
    let rooms = crieur.command(&["consultation", "rooms", "--json"]);
    let rooms: serde_json::Value = serde_json::from_slice(&rooms.stdout).unwrap();
    assert_eq!((&rooms[0]["room"], &rooms[0]["kind"]), (&number.into(), &"group".into()));

    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("evening.toml");
    std::fs::write(&path, EVENING).unwrap();
    let file = path.to_str().unwrap();
    assert!(crieur.command(&["consultation", "validate", file]).status.success());
    let misplaced = crieur.command(&["consultation", "create", file]);
    assert!(String::from_utf8_lossy(&misplaced.stderr).contains("crieur pulse create"), "{misplaced:?}");
    assert!(crieur.command(&["pulse", "create", file]).status.success());
    assert_eq!(crieur.page("/pulses/ouverture-du-soir").await.0, 404, "a draft has no page");

    crieur
        .operates(async |cx| {
            let id = operations::show(cx, "ouverture-du-soir").await?.id;
            operations::open(cx, id, &[number]).await
        })
        .await;
    crieur.quiet().await;
    let (status, page) = crieur.page("/pulses/ouverture-du-soir").await;
    assert_eq!(status, 200);
    assert!(page.contains("Ouvert jusqu’au jeudi 3 septembre 2026"), "{page}");
    assert_eq!(crieur.page("/pulses/ouverture-du-soir/counts.csv").await.0, 404, "nothing is counted yet");

    crieur.clock.advance(chrono::TimeDelta::hours(48));
    crieur.quiet().await;
    let (_, page) = crieur.page("/pulses/ouverture-du-soir?lang=en").await;
    for words in ["Informal poll: not a vote.", "Closed on Thursday 3 September 2026", "<td>unknown</td>"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let (status, csv) = crieur.page("/pulses/ouverture-du-soir/counts.csv").await;
    assert_eq!((status, csv.lines().count()), (200, 3));
    let (status, json) = crieur.page("/pulses/ouverture-du-soir/counts.json").await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((status, &json["platforms"][0]["votes"]), (200, &serde_json::Value::Null));
    let told = crieur.command(&["pulse", "results", "ouverture-du-soir"]);
    assert!(String::from_utf8_lossy(&told.stdout).contains("Oui  unknown"), "{told:?}");
    let (_, list) = crieur.page("/consultations").await;
    assert!(!list.contains("ouverture-du-soir"), "a pulse is no consultation");
}
