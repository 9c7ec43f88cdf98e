//! From an event to an answer.

use bot_core::action::ActionToken;
use bot_core::adapter::InboundKind;
use bot_core::plugin::Role;
use bot_core::{Address, Platform, Redacted};
use chrono::TimeDelta;

use crate::scripted::{ScriptedPlatform, ScriptedPlugin};
use crate::town::Town;

async fn town() -> Town {
    let plugin = ScriptedPlugin::new(
        "scripted",
        &["ping", "ask", "choose", "fail", "count", "organise_it", "organise_button", "secret", "close"],
    );
    Town::with(ScriptedPlatform::new("scripted"), vec![plugin]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_answered_once_however_often_it_is_delivered() {
    let town = town().await;
    town.says("ana", "/ping une fois").await;
    assert_eq!(town.platform.words("ana"), ["ping une fois"]);
    assert_eq!(town.deliveries().await, "sent 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_means_the_choice_shown_last() {
    let town = town().await;
    town.says("ana", "/choose").await;
    town.says("ana", "2").await;
    assert_eq!(town.platform.words("ana"), ["Choisi : [2]"], "the question is replaced in place");
    town.says("ana", "/choose").await;
    town.says("ana", "7").await;
    assert!(town.last("ana").words.contains("de 1 à 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_are_no_buttons_choices_are_numbered() {
    let mut platform = ScriptedPlatform::new("scripted");
    platform.buttons = false;
    let town = Town::with(platform, vec![ScriptedPlugin::new("scripted", &["choose", "ask"])]).await;
    town.says("ana", "/choose").await;
    assert_eq!(town.platform.words("ana"), ["Quel jour ?\n1. Samedi\n2. Dimanche"]);
    town.says("ana", "1").await;
    assert_eq!(town.platform.words("ana"), ["Choisi : [1]"]);
    // A text is awaited, and its step is numbered: a bare number is the step, words are the answer.
    town.says("ana", "/ask").await;
    town.says("ana", "1").await;
    assert_eq!(town.heard(0).last().unwrap(), "action [0]");
    town.says("ana", "/ask").await;
    town.says("ana", "Ana").await;
    assert_eq!(town.last("ana").words, "Bonjour Ana");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_are_buttons_a_number_may_be_the_awaited_text() {
    let town = town().await;
    town.says("ana", "/ask").await;
    town.says("ana", "1").await;
    assert_eq!(town.last("ana").words, "Bonjour 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_awaited_text_is_awaited_only_so_long() {
    let town = town().await;
    town.says("ana", "/ask").await;
    town.advance(TimeDelta::minutes(31)).await;
    town.says("ana", "Ana").await;
    assert_eq!(town.heard(0), ["/ask"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_works_only_where_it_was_shown() {
    let town = town().await;
    town.says("ana", "/choose").await;
    let token = town.last("ana").buttons[0].1.clone();
    town.says("bob", "/ping").await;
    for forged in [token, ActionToken("AAAA".to_owned()), ActionToken("é".repeat(100))] {
        town.hears_event(&town.platform, "bob", InboundKind::Action { token: forged }).await;
        assert!(town.last("bob").words.contains("pas valable"), "{}", town.last("bob").words);
    }
    assert_eq!(town.heard(0), ["/choose", "/ping"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_always_fails_is_parked_and_the_next_goes_on() {
    let town = town().await;
    town.send_event(&town.platform, "ana", InboundKind::Text { text: Redacted::new("/fail".to_owned()) }).await;
    town.send_event(&town.platform, "ana", InboundKind::Text { text: Redacted::new("/ping après".to_owned()) }).await;
    town.quiet().await;
    assert_eq!(town.platform.words("ana"), Vec::<String>::new(), "order is kept while it is tried again");
    town.advance(TimeDelta::seconds(2)).await;
    town.advance(TimeDelta::seconds(4)).await;
    assert_eq!(town.platform.words("ana"), ["ping après"]);
    assert_eq!(town.heard(0), ["/fail", "/fail", "/fail", "/ping après"]);
    assert_eq!(
        town.number("SELECT count(*) FROM core.inbox WHERE state = 'parked' AND reason LIKE '%on purpose%'").await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_overtakes_an_event_that_is_tried_again() {
    let town = town().await;
    town.send_event(&town.platform, "ana", InboundKind::Text { text: Redacted::new("/fail".to_owned()) }).await;
    town.send_event(&town.platform, "ana", InboundKind::Text { text: Redacted::new("STOP".to_owned()) }).await;
    town.quiet().await;
    assert!(town.last("ana").words.contains("je ne vous écrirai plus"));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_in_the_order_they_were_given() {
    let town = town().await;
    town.says("ana", "/count").await;
    assert_eq!(town.platform.words("ana"), ["0", "1", "2", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_is_checked_before_the_plugin_hears() {
    let town = town().await;
    town.says("ana", "/organise_it").await;
    assert!(town.last("ana").words.contains("pas disponible"));
    assert!(town.heard(0).is_empty());
    town.says("ana", "/aide").await;
    let help = town.platform.words("ana").join("\n");
    assert!(help.contains("/effacer") && !help.contains("/organise_it"));

    let organisation = town.service().default_organisation().unwrap().view.id;
    let ana = Address::new(Platform::new("scripted"), "ana");
    let pool = town.database.pool();
    bot_core::people::roles::grant(pool, &town.clock, organisation, &ana, Role::Organiser, "the operator")
        .await
        .unwrap();
    town.says("ana", "/organise_it").await;
    assert_eq!(town.heard(0), ["/organise_it"]);
    town.says("ana", "/help").await;
    assert!(town.platform.words("ana").join("\n").contains("/organise_it"));

    town.says("ana", "/organise_button").await;
    town.taps("ana", "Fermer").await;
    assert_eq!(town.heard(0).last().unwrap(), "action [99]");
    town.says("ana", "/organise_button").await;

    bot_core::people::roles::revoke(pool, &town.clock, organisation, &ana, Role::Organiser).await.unwrap();
    let before = town.heard(0);
    town.says("ana", "/organise_it").await;
    town.taps("ana", "Fermer").await;
    assert!(town.last("ana").words.contains("pas disponible"));
    assert_eq!(town.heard(0), before, "a button outlives no right");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_or_oversized_text_gets_a_clear_answer() {
    let town = town().await;
    town.says("ana", "/nimporte").await;
    assert!(town.last("ana").words.contains("/nimporte"));
    town.says("ana", &"a".repeat(4001)).await;
    assert!(town.last("ana").words.contains("trop long"));
    town.says("ana", "bonjour").await;
    assert!(town.last("ana").words.contains("/aide"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_shows_a_choice_is_forgotten_when_its_scope_closes() {
    let town = town().await;
    town.says("ana", "/secret").await;
    assert_eq!(
        town.number("SELECT count(*) FROM core.delivery WHERE body IS NOT NULL AND reveals = 'vote:1'").await,
        1
    );
    town.says("bob", "/close").await;
    town.quiet().await;
    assert_eq!(
        town.number("SELECT count(*) FROM core.delivery WHERE reveals = 'vote:1' AND body IS NOT NULL").await,
        0
    );
    assert_eq!(
        town.number("SELECT count(*) FROM core.inbox WHERE reveals = 'vote:1' AND payload IS NOT NULL").await,
        0
    );
    assert_eq!(town.number("SELECT count(*) FROM core.fire WHERE scope = 'vacuum'").await, 0, "vacuumed at once");
    // A press that was handled in the very moment of the closing leaves its rows a little later.
    town.says("chloe", "/secret").await;
    town.advance(TimeDelta::minutes(10)).await;
    let open = "SELECT (SELECT count(*) FROM core.delivery WHERE reveals = 'vote:1' AND body IS NOT NULL)
                     + (SELECT count(*) FROM core.inbox WHERE reveals = 'vote:1' AND payload IS NOT NULL)";
    assert_eq!(town.number(open).await, 0, "forgotten in the second round");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_file_that_quotes_a_choice_is_forgotten_too() {
    let town = town().await;
    town.says("ana", "/secret").await;
    town.says("ana", "/mes_donnees").await;
    let quoting = "SELECT count(*) FROM core.media WHERE convert_from(content, 'UTF8') LIKE '%choisi la halle%'";
    assert_eq!(town.number(quoting).await, 1);
    town.says("bob", "/close").await;
    assert_eq!(town.number(quoting).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_what_many_chose_is_not_cut_short() {
    let town = town().await;
    for part in [
        "CREATE TABLE public.seen AS SELECT '' AS time_limit LIMIT 0",
        "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO public.seen VALUES (current_setting('statement_timeout'));
             RETURN NULL;
         END $$",
        "CREATE TRIGGER note AFTER UPDATE OF payload ON core.inbox FOR EACH STATEMENT EXECUTE FUNCTION public.note()",
    ] {
        sqlx::query(part).execute(town.database.pool()).await.unwrap();
    }
    town.says("ana", "/secret").await;
    town.says("bob", "/close").await;
    assert_eq!(town.number("SELECT count(*) FROM public.seen WHERE time_limit = '0'").await, 1);
    assert_eq!(town.number("SELECT count(*) FROM public.seen").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_takes_up_what_was_not_handled() {
    let mut town = town().await;
    town.says("ana", "/ping un").await;
    let intake = town.platform.intake().await;
    town.stop().await;
    let pool = bot_core::store::connect(town.database.options(), 2).await.unwrap();
    // What the platform reported while nobody handled it.
    sqlx::query(
        "INSERT INTO core.inbox (organisation_id, account_id, sequence, conversation_id, address_id, kind, payload, state, available_at, received_at)
         SELECT organisation_id, account_id, sequence + 1, conversation_id, address_id, kind,
                jsonb_build_object('kind', 'text', 'text', '/ping deux'), 'waiting', received_at, received_at FROM core.inbox",
    )
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query("UPDATE core.account SET inbox_sequence = inbox_sequence + 1").execute(&pool).await.unwrap();
    drop(intake);
    town.start().await;
    town.quiet().await;
    assert_eq!(town.platform.words("ana"), ["ping un", "ping deux"]);
}
