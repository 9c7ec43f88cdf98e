//! Contacts of an organiser's list who write, link, are merged, and erase themselves.

use std::io::Cursor;

use bot_core::Clock;
use bot_core::clock::Random;
use bot_core::contacts::import::{ImportOrder, ImportReport, Importer};
use bot_core::contacts::{Directory, DirectoryError, merge};
use crieur_spreadsheets::Spreadsheet;

use crate::scripted::{ScriptedPlatform, ScriptedPlugin};
use crate::town::Town;

const LIST: &str =
    "identifiant;nom;collectivité;code insee;groupes\nm-1;Ana;Nantes;44109;pilotes\nm-2;Bo;Nantes;44109;\n";

async fn town() -> Town {
    let plugin = ScriptedPlugin::new("scripted", &["ping"]);
    Town::build(ScriptedPlatform::new("scripted"), Some(ScriptedPlatform::new("other")), vec![plugin]).await
}

async fn import(town: &Town, file: &str) -> ImportReport {
    let table = Spreadsheet::read(Cursor::new(file.as_bytes().to_vec()), None).unwrap();
    let (clock, random): (&Clock, _) = (&town.clock, Random::seeded(5));
    let organisation = town.service().default_organisation().unwrap();
    let importer = Importer { pool: town.database.pool(), clock, random: &random, organisation, actor: "operator" };
    importer.import(table, &ImportOrder::default(), |_| {}).await.unwrap()
}

async fn merged(town: &Town, kept: &str, gone: &str) -> Result<merge::Merged, DirectoryError> {
    let organisation = town.service().default_organisation().unwrap();
    merge::merge(town.service().core(), organisation, "operator", kept, gone).await
}

/// The number of the one who writes from the scripted network under this name.
async fn number_of(town: &Town, who: &str) -> String {
    let number: i64 = sqlx::query_scalar(
        "SELECT number FROM core.contact JOIN core.address ON address.contact_id = contact.id WHERE address.path = $1",
    )
    .bind(who)
    .fetch_one(town.database.pool())
    .await
    .unwrap();
    number.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_and_is_on_the_list_becomes_one_contact_and_plugins_hear_of_it() {
    let town = town().await;
    import(&town, LIST).await;
    town.says("ana", "/start").await;
    town.taps("ana", "Oui, prévenez-moi").await;
    let chat = number_of(&town, "ana").await;
    let done = merged(&town, "m-1", &chat).await.unwrap();
    assert!(done.addresses_moved && done.filled.is_empty());
    town.quiet().await;
    assert_eq!(town.heard(0).last().unwrap(), "merged 0 and 1");
    assert_eq!(town.number("SELECT count(*) FROM core.contact WHERE status <> 'archived'").await, 2);
    let consents = "SELECT count(*) FROM core.consent JOIN core.contact ON contact.id = consent.contact_id
                    WHERE contact.external_id = 'm-1' AND withdrawn_at IS NULL";
    assert_eq!(town.number(consents).await, 1, "who agreed still agrees");
    assert!(matches!(merged(&town, "m-1", "m-1").await, Err(DirectoryError::Refused(_))));
    // What the person said in chat is theirs, whatever the list says later.
    let again = import(&town, "identifiant;langue\nm-1;anglais\n").await;
    assert_eq!((again.unchanged, again.updated), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_have_both_written_are_only_joined_by_themselves() {
    let town = town().await;
    town.says("ana", "/ping").await;
    town.says_on_other("anna", "/ping").await;
    let (one, other) = (number_of(&town, "ana").await, number_of(&town, "anna").await);
    let refused = merged(&town, &one, &other).await.unwrap_err().to_string();
    assert!(refused.contains("writes /lier to the bot"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_lines_the_first_wins_the_second_fills_and_stop_is_said_by_both() {
    let town = town().await;
    import(&town, "identifiant;nom;collectivité;code insee\nm-1;Ana;;\nm-9;Anne;Nantes;44109\n").await;
    sqlx::query("UPDATE core.contact SET status = 'stopped' WHERE external_id = 'm-9'")
        .execute(town.database.pool())
        .await
        .unwrap();
    let done = merged(&town, "m-1", "m-9").await.unwrap();
    assert_eq!(
        (done.filled, done.kept_own),
        (vec!["collectivite".to_owned()], vec!["external_id".to_owned(), "name".to_owned()])
    );
    let stopped = "SELECT count(*) FROM core.contact WHERE external_id = 'm-1' AND status = 'stopped' AND rank = 1";
    assert_eq!(town.number(stopped).await, 1);
    // The line that is one too many is told, and changes nothing.
    let again = import(&town, "identifiant;nom\nm-1;Ana\nm-9;Anne\n").await;
    assert_eq!((again.unchanged, again.merged), (1, 1));
    assert!(again.notes[0].contains("line 3: this contact was merged into another"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_erases_themselves_leaves_the_list_and_no_import_brings_them_back() {
    let town = town().await;
    import(&town, LIST).await;
    town.says("ana", "/ping").await;
    let chat = number_of(&town, "ana").await;
    merged(&town, "m-1", &chat).await.unwrap();
    town.quiet().await;
    town.says("ana", "/mes_donnees").await;
    let content: Vec<u8> =
        sqlx::query_scalar("SELECT content FROM core.media").fetch_one(town.database.pool()).await.unwrap();
    let data: serde_json::Value = serde_json::from_slice(&content).unwrap();
    let known = &data["known_by_the_organiser"];
    assert_eq!(
        (&known["name"], &known["collectivite"], &known["groups"][0]),
        (&"Ana".into(), &"Nantes".into(), &"pilotes".into())
    );
    assert_eq!(known["history"][0]["action"], "imported");
    town.says("ana", "/effacer").await;
    town.taps("ana", "Oui, effacer").await;
    assert_eq!(town.number("SELECT count(*) FROM core.contact WHERE name = 'Ana' OR external_id = 'm-1'").await, 0);
    assert_eq!(town.number("SELECT count(*) FROM core.contact_history AS h WHERE h::text LIKE '%m-1%'").await, 0);
    let again = import(&town, LIST).await;
    assert_eq!((again.forgotten, again.unchanged, again.created), (1, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_written_is_not_deleted_by_an_organiser() {
    let town = town().await;
    town.says("ana", "/ping").await;
    let number = number_of(&town, "ana").await;
    let mut connection = town.database.pool().acquire().await.unwrap();
    let organisation = town.service().default_organisation().unwrap().view.id;
    let mut desk = Directory { sql: &mut connection, organisation, now: town.clock.now(), actor: "operator" };
    let refused = desk.delete(&number).await.unwrap_err().to_string();
    assert!(refused.contains("only they can erase themselves"), "{refused}");
    assert_eq!(town.number("SELECT count(*) FROM core.contact").await, 1);
}
