//! What a plugin may ask of the core besides answering: many messages at once, consent, another plugin's help.

use bot_core::message::Document;
use bot_core::plugin::{Context, Outgoing, Purpose, Recipient, Role};
use bot_core::{Address, ContactId, ConversationId, Locale, Platform};

use crate::scripted::{ScriptedPlatform, ScriptedPlugin};
use crate::town::Town;

async fn town() -> Town {
    let asking = ["handover", "handoverround", "note", "agree", "disagree", "each", "stands"];
    let plugins = vec![ScriptedPlugin::new("asking", &asking), ScriptedPlugin::new("answering", &["ping"])];
    Town::build(ScriptedPlatform::new("scripted"), Some(ScriptedPlatform::new("other")), plugins).await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_plugin_goes_on_with_the_same_person() {
    let town = town().await;
    town.says("ana", "/handover place").await;
    assert_eq!(town.platform.words("ana"), ["Je passe la main.", "ping place"]);
    assert_eq!(town.heard(1), ["/ping place"]);
    // There is no going round in circles.
    town.says("ana", "/handoverround").await;
    assert_eq!(town.heard(0).iter().filter(|heard| *heard == "/handoverround").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_reaches_the_other_plugins_once_and_not_its_author() {
    let town = town().await;
    town.says("ana", "/note barometre").await;
    town.quiet().await;
    assert_eq!(town.heard(1), ["asking noted questionnaire.answered barometre"]);
    assert!(!town.heard(0).iter().any(|heard| heard.contains("noted")));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_messages_go_out_together_each_where_it_may() {
    let town = town().await;
    town.says("orga", "/ping").await;
    let organiser = Address::new(Platform::new("scripted"), "orga");
    let organisation = town.service().default_organisation().unwrap().view.id;
    let pool = town.database.pool();
    bot_core::people::roles::grant(pool, &town.clock, organisation, &organiser, Role::Organiser, "the operator")
        .await
        .unwrap();
    // Without consent nothing goes out but what is no reminder.
    town.says("ana", "/each").await;
    assert_eq!(town.platform.words("ana"), Vec::<String>::new());
    town.says("ana", "/stands").await;
    assert_eq!(town.last("ana").words, "un=suppressed deux=suppressed");
    town.says("ana", "/agree").await;
    town.says("ana", "/each").await;
    assert_eq!(town.platform.words("ana")[1..], ["Rappel un", "Rappel deux"], "in their order, and none elsewhere");
    // The organiser has not agreed to reminders either.
    assert_eq!(town.platform.words("orga"), ["ping"]);
    town.says("ana", "/disagree").await;
    town.says("ana", "/each").await;
    town.says("ana", "/stands").await;
    assert!(town.last("ana").words.ends_with("un=suppressed deux=suppressed"), "{}", town.last("ana").words);
}

/// Being blocked on one network is no leave to write on another: that needs consent given there.
#[tokio::test(flavor = "multi_thread")]
async fn another_address_is_written_to_only_with_consent_given_there() {
    let town = town().await;
    let other = town.other.as_ref().unwrap();
    town.says("ana", "/lier").await;
    let words = town.last("ana").words;
    let code = words.split_whitespace().find(|word| word.len() == 11 && word.contains('-')).unwrap();
    town.says_on_other("anna", &format!("/lier {code}")).await;
    town.taps("ana", "Oui, c’est moi").await;
    town.taps_on(other, "anna", "Oui, c’est moi").await;
    town.clock.advance(chrono::TimeDelta::minutes(1));
    town.says("ana", "/agree").await;
    let before = other.words("anna").len();
    town.hears_event(&town.platform, "ana", bot_core::adapter::InboundKind::Closed).await;
    town.clock.advance(chrono::TimeDelta::minutes(1));
    // The organisation's own doing: nobody calls from a chat.
    let organisation = town.service().default_organisation().unwrap();
    let plugin = "asking".parse().unwrap();
    let send = async |purpose| {
        let contact = sqlx::query_scalar("SELECT contact_id FROM core.address WHERE path = 'ana'")
            .fetch_one(town.database.pool())
            .await
            .unwrap();
        let message = bot_core::plugin::Outgoing::new(
            bot_core::plugin::Recipient::Contact(bot_core::ContactId(contact)),
            purpose,
            "campaign",
            bot_core::message::Document::says("Rappel"),
        );
        let work = async |cx: &mut bot_core::plugin::Context| {
            cx.send_each(vec![message]);
            Ok::<_, sqlx::Error>(())
        };
        town.service().core().perform(organisation, &plugin, work).await.unwrap().unwrap();
        town.quiet().await;
    };
    send(bot_core::plugin::Purpose::Reminder).await;
    assert_eq!(other.words("anna").len(), before, "she blocked us there, and never agreed to be written to here");
    town.says_on_other("anna", "/agree").await;
    send(bot_core::plugin::Purpose::Reminder).await;
    assert_eq!(other.words("anna").last().unwrap(), "Rappel");
}

/// A process may hold a message for a while before it may go out. What is called off meanwhile does not begin.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_called_off_while_a_process_held_it_does_not_begin() {
    let town = town().await;
    town.says("ana", "/agree").await;
    let before = town.platform.words("ana");
    // Somebody else is just asking whether this person may be written to.
    let mut holder = town.database.pool().begin().await.unwrap();
    sqlx::query(
        "SELECT pg_advisory_xact_lock(x'70726573'::int, ('x' || right(replace(contact_id::text, '-', ''), 8))::bit(32)::int)
         FROM core.address WHERE path = 'ana'",
    )
    .execute(&mut *holder)
    .await
    .unwrap();
    let text = bot_core::adapter::InboundKind::Text { text: bot_core::Redacted::new("/each".to_owned()) };
    town.send_event(&town.platform, "ana", text).await;
    while town.number("SELECT count(*) FROM core.delivery WHERE scope = 'campaign' AND state = 'leased'").await == 0 {
        crate::town::a_moment().await;
    }
    let organisation = town.service().default_organisation().unwrap();
    let plugin = "asking".parse().unwrap();
    let call_off = async |cx: &mut bot_core::plugin::Context| {
        cx.cancel("campaign", None);
        Ok::<_, sqlx::Error>(())
    };
    town.service().core().perform(organisation, &plugin, call_off).await.unwrap().unwrap();
    holder.rollback().await.unwrap();
    town.quiet().await;
    assert_eq!(town.platform.words("ana"), before);
    let ended = "SELECT count(*) FROM core.delivery WHERE scope = 'campaign' AND state = 'cancelled'";
    assert_eq!(town.number(ended).await, 2);
}

/// Fifty readers of one digest, in the language they chose for it, and what the outbox says of them afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_words_to_many_are_kept_once_and_counted() {
    let town = town().await;
    town.says("ana", "/ping").await;
    let ana: uuid::Uuid = sqlx::query_scalar("SELECT contact_id FROM core.address WHERE path = 'ana'")
        .fetch_one(town.database.pool())
        .await
        .unwrap();
    let room: uuid::Uuid = sqlx::query_scalar("SELECT id FROM core.conversation WHERE platform_ref = 'ana'")
        .fetch_one(town.database.pool())
        .await
        .unwrap();
    let organisation = town.service().default_organisation().unwrap();
    let plugin = "asking".parse().unwrap();
    let send = async |cx: &mut Context| {
        let message = |to, number: usize| {
            let words = Document::says("The digest of the week");
            let mut message = Outgoing::new(to, Purpose::Service, "digest:1", words);
            message.subject = format!("r{number}");
            message.locale = Some(Locale::En);
            message
        };
        let ana = Recipient::Contact(ContactId(ana));
        let room = Recipient::Conversation(ConversationId(room));
        let nowhere = ConversationId(uuid::Uuid::nil());
        let mut messages: Vec<_> =
            (0..50).map(|number| message(if number == 7 { room } else { ana }, number)).collect();
        messages.push(message(Recipient::Conversation(nowhere), 50));
        cx.send_each(messages);
        Ok::<_, sqlx::Error>(())
    };
    town.service().core().perform(organisation, &plugin, send).await.unwrap().unwrap();
    town.quiet().await;
    let kept = "SELECT count(DISTINCT document_hash) FROM core.delivery WHERE scope = 'digest:1'";
    assert_eq!(town.number(kept).await, 1);
    let theirs = "SELECT count(*) FROM core.delivery WHERE scope = 'digest:1' AND locale = 'en' AND state = 'sent'";
    assert_eq!(town.number(theirs).await, 50);
    let count = async |cx: &mut Context| cx.delivery_counts("digest:1").await;
    let counts = town.service().core().perform(organisation, &plugin, count).await.unwrap().unwrap();
    assert_eq!(counts, [("sent".to_owned(), 50)].into(), "whoever is nowhere gets none");
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_are_told_at_the_address_that_has_the_role() {
    let town = town().await;
    let organisation = town.service().default_organisation().unwrap();
    for (who, role) in [("orga", Role::Organiser), ("opera", Role::Operator)] {
        town.says(who, "/ping").await;
        let address = Address::new(Platform::new("scripted"), who);
        let pool = town.database.pool();
        bot_core::people::roles::grant(pool, &town.clock, organisation.view.id, &address, role, "the operator")
            .await
            .unwrap();
    }
    let tell = async |cx: &mut Context| {
        let words = Document::says("Le compte n’y est pas.");
        cx.send(Outgoing::new(Recipient::Operators, Purpose::Service, "proof", words));
        Ok::<_, sqlx::Error>(())
    };
    town.service().core().perform(organisation, &"asking".parse().unwrap(), tell).await.unwrap().unwrap();
    town.quiet().await;
    assert_eq!(town.last("opera").words, "Le compte n’y est pas.");
    assert_eq!(town.platform.words("orga"), ["ping"]);
}
