//! First contact by invitation: who is asked what, who is bound, and whatever else people do with a link.

use bot_core::adapter::{Actor, ConversationKind, ConversationRef, InboundEvent, InboundKind};
use bot_core::contacts::ContactSet;
use bot_core::people::invitation::{self, Entry, Invited, Issued, Reissued, State};
use bot_core::store::accounts::{AccountLink, StoredLink};
use bot_core::{Address, ContactId, Redacted};
use chrono::TimeDelta;
use serde_json::json;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::types::Uuid;

use crate::crash::{Moment, Proxy};
use crate::scripted::{ScriptedPlatform, ScriptedPlugin};
use crate::town::{Town, a_moment};

const YES: &str = "Oui, c’est moi";
const NO: &str = "Non";
const LIFE: TimeDelta = TimeDelta::days(60);

async fn town() -> Town {
    let plugin = ScriptedPlugin::new("scripted", &["ping", "announce"]);
    Town::build(ScriptedPlatform::new("scripted"), Some(ScriptedPlatform::new("other")), vec![plugin]).await
}

/// A line of the organiser's list, for the commune of Nantes.
async fn imported(town: &Town, external_id: &str, name: &str) -> ContactId {
    let id: Uuid = sqlx::query_scalar(
        "WITH commune AS (
             INSERT INTO core.collectivite (organisation_id, kind, name, insee, created_at)
             SELECT id, 'commune', 'Nantes', '44109', $3 FROM core.organisation
             ON CONFLICT (organisation_id, kind, insee) DO UPDATE SET name = excluded.name RETURNING organisation_id, id
         )
         INSERT INTO core.contact (organisation_id, id, status, external_id, name, collectivite_id, rank, fields, created_at)
         SELECT organisation_id, gen_random_uuid(), 'active', $1, $2, id, 1, '{\"email\": \"claire@nantes.example\"}', $3
         FROM commune RETURNING id",
    )
    .bind(external_id)
    .bind(name)
    .bind(town.clock.now())
    .fetch_one(town.database.pool())
    .await
    .unwrap();
    ContactId(id)
}

async fn connection(town: &Town) -> PoolConnection<Postgres> {
    town.database.pool().acquire().await.unwrap()
}

async fn issue(town: &Town) -> Issued {
    let organisation = town.service().default_organisation().unwrap().view.id;
    let now = town.clock.now();
    invitation::issue(&mut *connection(town).await, organisation, now, &ContactSet::Everyone, LIFE).await.unwrap()
}

async fn reissue(town: &Town) -> Reissued {
    let organisation = town.service().default_organisation().unwrap().view.id;
    let now = town.clock.now();
    invitation::reissue(&mut *connection(town).await, organisation, now, &ContactSet::Everyone, LIFE).await.unwrap()
}

fn links() -> Vec<AccountLink> {
    let link = |account: &str, url: &str, carries_payload| AccountLink {
        account: account.to_owned(),
        platform: account.to_owned(),
        link: StoredLink { url: url.to_owned(), carries_payload },
    };
    vec![
        link("scripted", "https://scripted.example/bot?start={payload}", true),
        link("other", "https://other.example/bot", false),
    ]
}

async fn entries(town: &Town) -> Vec<Entry> {
    let organisation = town.service().default_organisation().unwrap();
    let now = town.clock.now();
    let everyone = ContactSet::Everyone;
    invitation::entries(&mut *connection(town).await, organisation, &links(), now, &everyone).await.unwrap()
}

async fn listed(town: &Town, bound_too: bool) -> Vec<Invited> {
    let organisation = town.service().default_organisation().unwrap().view.id;
    let (now, everyone) = (town.clock.now(), ContactSet::Everyone);
    invitation::list(&mut *connection(town).await, organisation, now, &everyone, bound_too).await.unwrap()
}

/// Claire Martin is on the list, and invited. What a link carries.
async fn invited(town: &Town) -> String {
    imported(town, "c1", "Claire Martin").await;
    assert_eq!(issue(town).await.issued, 1);
    payload(&entries(town).await[0])
}

fn payload(entry: &Entry) -> String {
    format!("invitation-{}", entry.code)
}

async fn follows(town: &Town, who: &str, payload: &str) {
    town.says(who, &format!("/start {payload}")).await;
}

/// Everything said to `who` so far, in one text.
fn said(town: &Town, who: &str) -> String {
    town.platform.words(who).join("\n")
}

fn said_on_other(town: &Town, who: &str) -> String {
    town.other.as_ref().unwrap().words(who).join("\n")
}

const BOUND: &str = "SELECT count(*) FROM core.address
    JOIN core.contact ON contact.id = address.contact_id WHERE contact.external_id = 'c1'";
const REMINDERS: &str = "SELECT count(*) FROM core.consent JOIN core.contact ON contact.id = consent.contact_id
    WHERE purpose = 'reminder' AND withdrawn_at IS NULL AND contact.external_id = 'c1'";
const HERE: &str = "SELECT count(*) FROM core.address_consent WHERE purpose = 'reminder' AND withdrawn_at IS NULL";
const NAMED: &str = "SELECT (SELECT count(*) FROM core.delivery WHERE body::text LIKE '%Claire%')
    + (SELECT count(*) FROM core.document WHERE body::text LIKE '%Claire%')";

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_binds_whom_the_organiser_knows_and_keeps_the_words_that_were_shown() {
    let mut town = town().await;
    town.stop().await;
    town.sending_rule = serde_json::from_value(json!({ "pressure": { "messages": 2, "days": 7 } })).unwrap();
    town.start().await;
    let payload = invited(&town).await;
    follows(&town, "claire", &payload).await;
    let shown = said(&town, "claire");
    assert!(shown.contains("plus de 2\u{a0}fois en 7\u{a0}jours"), "{shown}");
    assert!(shown.starts_with("Êtes-vous Claire Martin, de la commune «\u{a0}Nantes\u{a0}»\u{202f}?"), "{shown}");
    assert!(shown.contains("Je vous écris pour la ville de Trifouilly") && shown.contains("STOP"), "{shown}");
    assert!(!shown.contains("nantes.example") && !shown.contains("c1"), "{shown}");
    assert_eq!(town.number(BOUND).await, 0, "nothing is bound by following a link");
    assert_eq!(listed(&town, false).await[0].state, State::Followed);

    town.taps("claire", YES).await;
    assert!(said(&town, "claire").contains("C’est fait, merci"));
    assert_eq!(town.number(BOUND).await, 1);
    assert_eq!(town.number("SELECT count(*) FROM core.contact WHERE status <> 'archived'").await, 1);
    let wordings: Vec<String> = sqlx::query_scalar(
        "SELECT wording FROM core.consent WHERE purpose = 'reminder'
         UNION ALL SELECT wording FROM core.address_consent WHERE purpose = 'reminder'",
    )
    .fetch_all(town.database.pool())
    .await
    .unwrap();
    assert_eq!(wordings.len(), 2);
    assert_eq!(wordings[0], wordings[1]);
    let told = town.platform.chat("claire").into_iter().any(|shown| shown.words.contains(&wordings[0]));
    assert!(told, "`{}` was not shown", wordings[0]);
    assert_eq!(town.heard(0).last().unwrap(), "merged 0 and 1", "every plugin settled");
    assert_eq!(town.number("SELECT count(*) FROM core.audit WHERE action = 'invitation.accepted'").await, 1);
    assert_eq!(town.number("SELECT count(*) FROM core.contact_history WHERE action = 'bound'").await, 1);
    assert!(listed(&town, false).await.is_empty());
    let bound = listed(&town, true).await;
    assert_eq!((bound[0].state, bound[0].bound), (State::Used, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_typed_where_a_link_carries_nothing_and_in_english() {
    let town = town().await;
    imported(&town, "c1", "Claire Martin").await;
    issue(&town).await;
    let entry = entries(&town).await.remove(0);
    let english = entry.command.replace("/invitation", "/invite").to_uppercase().replace("/INVITE", "/invite");
    town.says_on_other("claire", "/invitation").await;
    assert!(said_on_other(&town, "claire").contains("ouvrez le lien"));
    town.says_on_other("claire", &english).await;
    town.taps_on(town.other.as_ref().unwrap(), "claire", YES).await;
    assert_eq!(town.number(BOUND).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_got_a_forwarded_link_says_no_and_the_right_person_still_says_yes() {
    let town = town().await;
    let payload = invited(&town).await;
    follows(&town, "bob", &payload).await;
    assert!(town.number(NAMED).await > 0);
    town.taps("bob", NO).await;
    assert_eq!(town.number(BOUND).await, 0);
    assert_eq!(town.number("SELECT count(*) FROM core.consent").await, 0);
    let last = town.last("bob").words;
    assert!(last.starts_with("C’est noté"), "{last}");
    assert_eq!(town.number(NAMED).await, 0, "what named her to somebody else is not kept");
    let unbound = listed(&town, false).await;
    assert_eq!(unbound[0].state, State::Disowned, "the organiser sees it");
    assert_eq!(unbound[0].disowned_at, Some(town.clock.now()));

    follows(&town, "claire", &payload).await;
    town.taps("claire", YES).await;
    assert_eq!(town.number(BOUND).await, 1);
    assert!(listed(&town, true).await[0].disowned_at.is_some(), "and still sees it");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_say_yes_at_once_exactly_one_is_bound() {
    let town = town().await;
    let payload = invited(&town).await;
    for who in ["claire", "bob"] {
        follows(&town, who, &payload).await;
    }
    for who in ["claire", "bob"] {
        let buttons = town.platform.chat(who).into_iter().flat_map(|shown| shown.buttons);
        let token = buttons.into_iter().find(|(label, _)| label == YES).unwrap().1;
        // Pressed twice, too.
        for _ in 0..2 {
            town.send_event(&town.platform, who, InboundKind::Action { token: token.clone() }).await;
        }
    }
    town.quiet().await;
    assert_eq!(town.number(BOUND).await, 1);
    assert_eq!(town.number(REMINDERS).await, 1);
    assert_eq!(town.number("SELECT count(*) FROM core.invitation WHERE used_by IS NOT NULL").await, 1);
    assert_eq!(town.number("SELECT count(*) FROM core.consent").await, 1);
    let (claire, bob) = (said(&town, "claire"), said(&town, "bob"));
    let (winner, loser) = if claire.contains("C’est fait") { (claire, bob) } else { (bob, claire) };
    assert_eq!(winner.matches("C’est fait").count(), 1);
    assert!(winner.contains("déjà accepté"));
    assert!(loser.contains("a déjà servi") && !loser.contains("C’est fait"), "{loser}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_valid_is_told_apart_and_reveals_nothing() {
    let town = town().await;
    let first = invited(&town).await;
    let forged = format!("{}0", &first[..first.len() - 1]);
    let forged = if forged == first { format!("{}1", &first[..first.len() - 1]) } else { forged };
    // Of a contact there is, of one there is none, and nothing like a code.
    for wrong in [forged.as_str(), "invitation-zzz-0000-0000-0000-0000", "invitation-x"] {
        follows(&town, "eve", wrong).await;
        assert!(town.last("eve").words.contains("n’est pas valable"), "{}", town.last("eve").words);
    }
    assert_eq!(reissue(&town).await, Reissued { reissued: 1, left_alone: 0 });
    let second = payload(&entries(&town).await[0]);
    assert_ne!(first, second);
    follows(&town, "claire", &first).await;
    assert!(town.last("claire").words.contains("plus récente"));

    let organisation = town.service().default_organisation().unwrap().view.id;
    let everyone = ContactSet::Everyone;
    let revoked = invitation::revoke(&mut *connection(&town).await, organisation, town.clock.now(), &everyone).await;
    assert_eq!(revoked.unwrap(), 1);
    follows(&town, "claire", &second).await;
    assert!(town.last("claire").words.contains("a été retirée"));
    assert_eq!(issue(&town).await, Issued { revoked: 1, ..Issued::default() }, "what was taken back stays so");

    reissue(&town).await;
    let third = payload(&entries(&town).await[0]);
    follows(&town, "claire", &third).await;
    town.advance(LIFE).await;
    town.taps("claire", YES).await;
    assert!(town.last("claire").words.contains("a pris fin"), "also when it ends between question and answer");
    follows(&town, "claire", &third).await;
    assert!(town.last("claire").words.contains("a pris fin"));
    assert_eq!(listed(&town, false).await[0].state, State::Expired);
    assert_eq!(town.number(BOUND).await, 0);
    for who in ["eve", "claire"] {
        let words = said(&town, who);
        assert!(!words.contains("Nantes") || who == "claire", "{words}");
    }
    assert!(!said(&town, "eve").contains("Claire"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_question_answers_no_newer_invitation() {
    let town = town().await;
    let first = invited(&town).await;
    follows(&town, "bob", &first).await;
    reissue(&town).await;
    town.taps("bob", NO).await;
    assert_eq!(listed(&town, false).await[0].state, State::Issued);
    follows(&town, "claire", &payload(&entries(&town).await[0])).await;
    reissue(&town).await;
    town.taps("claire", YES).await;
    assert!(town.last("claire").words.contains("plus récente"));
    assert_eq!(town.number(BOUND).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_cut_short_together_with_other_codes() {
    let town = town().await;
    let payload = invited(&town).await;
    for _ in 0..3 {
        follows(&town, "eve", "invitation-2-0000-0000-0000-0000").await;
    }
    for _ in 0..2 {
        town.says("eve", "/lier AAAAA-AAAAA").await;
    }
    follows(&town, "eve", &payload).await;
    assert!(town.last("eve").words.contains("trop d’essais"));
    follows(&town, "claire", &payload).await;
    assert!(said(&town, "claire").contains("Claire Martin"));
    town.advance(TimeDelta::minutes(10)).await;
    follows(&town, "eve", &payload).await;
    assert!(said(&town, "eve").contains("Claire Martin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_room_nobody_is_asked() {
    let town = town().await;
    let payload = invited(&town).await;
    let event = InboundEvent {
        dedupe_key: "in a room".to_owned(),
        conversation: ConversationRef { kind: ConversationKind::Group, platform_ref: Redacted::new("room".to_owned()) },
        actor: Some(Actor { address: Address::new(town.platform.platform.clone(), "claire"), locale: None }),
        kind: InboundKind::Text { text: Redacted::new(format!("/start {payload}")) },
        acknowledgement: None,
    };
    town.platform.intake().await.receive(&[event], None).await.unwrap();
    town.quiet().await;
    let words = said(&town, "room");
    assert!(words.contains("tout le monde nous lit") && !words.contains("Claire"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_ends_an_earlier_stop_and_a_stop_ends_it_all() {
    let town = town().await;
    let payload = invited(&town).await;
    town.says("claire", "/start").await;
    town.taps("claire", "Oui, prévenez-moi").await;
    town.says("claire", "STOP").await;
    assert_eq!(town.number(HERE).await, 0);
    follows(&town, "claire", &payload).await;
    town.taps("claire", YES).await;
    assert_eq!(
        town.number("SELECT count(*) FROM core.contact WHERE external_id = 'c1' AND status = 'active'").await,
        1
    );
    assert_eq!(town.number(REMINDERS).await, 1);
    let others = "SELECT count(*) FROM core.consent WHERE purpose <> 'reminder' AND withdrawn_at IS NULL";
    assert_eq!(town.number(others).await, 0, "the yes was to reminders alone");

    town.says("claire", "STOP").await;
    assert_eq!((town.number(REMINDERS).await, town.number(HERE).await), (0, 0));
    // The same link is how she changes her mind; it asks her anew.
    follows(&town, "claire", &payload).await;
    town.taps("claire", NO).await;
    assert!(town.last("claire").words.contains("pas de rappels"));
    assert_eq!(town.number("SELECT count(*) FROM core.invitation WHERE disowned_at IS NOT NULL").await, 0);
    follows(&town, "claire", &payload).await;
    town.taps("claire", YES).await;
    assert_eq!((town.number(REMINDERS).await, town.number(HERE).await), (1, 1));
    assert_eq!(
        town.number("SELECT count(*) FROM core.consent WHERE purpose = 'reminder'").await,
        2,
        "nothing rewritten"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_agreed_to_in_chat_stays_agreed_to() {
    let town = town().await;
    let payload = invited(&town).await;
    town.says("claire", "/start").await;
    town.taps("claire", "Oui, prévenez-moi").await;
    follows(&town, "claire", &payload).await;
    town.taps("claire", YES).await;
    town.says("bob", "/announce tous").await;
    assert!(town.platform.words("claire").contains(&"Une annonce".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_erased_is_forgotten_and_may_be_invited_again() {
    let town = town().await;
    let payload = invited(&town).await;
    // Somebody else was asked, and never answered.
    follows(&town, "bob", &payload).await;
    follows(&town, "claire", &payload).await;
    town.taps("claire", YES).await;
    town.says("claire", "/mes_donnees").await;
    let content: Vec<u8> =
        sqlx::query_scalar("SELECT content FROM core.media").fetch_one(town.database.pool()).await.unwrap();
    let data: serde_json::Value = serde_json::from_slice(&content).unwrap();
    assert_eq!(data["consents_by_address"][0]["purpose"], "reminder");
    assert!(data["invitation"]["accepted_at"].is_string(), "{data}");

    town.says("claire", "/effacer").await;
    town.taps("claire", "Oui, effacer").await;
    let left = "SELECT (SELECT count(*) FROM core.invitation) + (SELECT count(*) FROM core.address_consent)
        + (SELECT count(*) FROM core.contact_history) + (SELECT count(*) FROM core.contact WHERE name IS NOT NULL)";
    assert_eq!(town.number(left).await, 0);
    assert_eq!(town.number(NAMED).await, 0, "nor in what others were shown");
    follows(&town, "claire", &payload).await;
    assert!(town.last("claire").words.contains("n’est pas valable"));
    town.taps("bob", YES).await;
    assert!(town.last("bob").words.contains("n’est pas valable"));

    let again = invited(&town).await;
    assert_ne!(again, payload);
    follows(&town, "claire", &again).await;
    town.taps("claire", YES).await;
    assert_eq!(town.number(BOUND).await, 1);
}

/// The code that this platform's latest message to `who` gives for `/lier`.
fn link_code(platform: &ScriptedPlatform, who: &str) -> String {
    let words = platform.words(who).pop().unwrap_or_default();
    let code = words.split_whitespace().find(|word| word.len() == 11 && word.contains('-'));
    code.expect("no code was given").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_network_comes_by_linking_and_is_asked_for_its_own_consent() {
    let town = town().await;
    let other = town.other.as_ref().unwrap();
    let payload = invited(&town).await;
    follows(&town, "claire", &payload).await;
    town.taps("claire", YES).await;
    town.says_on_other("martin", &format!("/start {payload}")).await;
    assert!(said_on_other(&town, "martin").contains("/lier"));
    assert_eq!(town.number(BOUND).await, 1);

    town.says("claire", "/lier").await;
    let code = link_code(&town.platform, "claire");
    town.says_on_other("martin", &format!("/lier {code}")).await;
    town.taps_on(other, "martin", YES).await;
    let before = town.platform.words("claire").len();
    town.taps("claire", YES).await;
    assert_eq!(town.number(BOUND).await, 2);
    assert!(said_on_other(&town, "martin").contains("si je ne vous joins pas sur votre autre messagerie"));
    assert_eq!(town.platform.words("claire").len(), before + 1, "the chat she agreed in is not asked again");
    assert_eq!(town.number(HERE).await, 1);
    town.taps_on(other, "martin", "Oui, ici aussi").await;
    assert_eq!(town.number(HERE).await, 2);
    town.taps_on(other, "martin", "Non, pas ici").await;
    assert_eq!(town.number(HERE).await, 1);
    town.taps_on(other, "martin", "Oui, ici aussi").await;
    town.says_on_other("martin", "STOP").await;
    assert_eq!((town.number(REMINDERS).await, town.number(HERE).await), (0, 0), "STOP is for both");
    town.taps_on(other, "martin", "Oui, ici aussi").await;
    assert_eq!(town.number(HERE).await, 0, "a chat's consent is worth nothing without hers");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_known_stays_known_from_whichever_chat_they_link() {
    let town = town().await;
    let other = town.other.as_ref().unwrap();
    let payload = invited(&town).await;
    follows(&town, "claire", &payload).await;
    town.taps("claire", YES).await;
    // This time the chat that nobody knows asks for the code, and its contact is the one that stays.
    town.says_on_other("martin", "/lier").await;
    let code = link_code(other, "martin");
    town.says("claire", &format!("/lier {code}")).await;
    town.taps("claire", YES).await;
    town.taps_on(other, "martin", YES).await;
    assert_eq!(town.number(BOUND).await, 2);
    assert_eq!(town.number(REMINDERS).await, 1);
    let whole = "SELECT count(*) FROM core.contact WHERE status = 'active' AND external_id = 'c1'
        AND name = 'Claire Martin' AND rank = 1 AND collectivite_id IS NOT NULL AND fields ? 'email'";
    assert_eq!(town.number(whole).await, 1);
    assert!(said_on_other(&town, "martin").contains("si je ne vous joins pas"), "the new chat is asked");
    assert!(!said(&town, "claire").contains("si je ne vous joins pas"));
    follows(&town, "claire", &payload).await;
    assert!(town.last("claire").words.contains("a déjà servi"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_bound_to_another_contact_stays_who_they_are() {
    let town = town().await;
    imported(&town, "b1", "Bob Petit").await;
    imported(&town, "c1", "Claire Martin").await;
    issue(&town).await;
    let both = entries(&town).await;
    let of = |name: &str| payload(both.iter().find(|entry| entry.invited.name.as_deref() == Some(name)).unwrap());
    follows(&town, "bob", &of("Bob Petit")).await;
    town.taps("bob", YES).await;
    follows(&town, "bob", &of("Claire Martin")).await;
    town.taps("bob", YES).await;
    assert!(said(&town, "bob").contains("déjà reliée à une autre invitation"));
    assert_eq!(town.number(BOUND).await, 0);
    let unbound = listed(&town, false).await;
    assert_eq!(unbound[0].conflict_at, Some(town.clock.now()), "the organiser sees it");
    assert_eq!(town.number("SELECT count(*) FROM core.audit WHERE action = 'invitation.conflict'").await, 1);
    follows(&town, "claire", &of("Claire Martin")).await;
    town.taps("claire", YES).await;
    assert_eq!(town.number(BOUND).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_kept_are_those_of_the_question_whatever_language_was_chosen_since() {
    let town = town().await;
    let payload = invited(&town).await;
    follows(&town, "claire", &payload).await;
    town.says("claire", "/langue").await;
    town.taps("claire", "English").await;
    town.taps("claire", YES).await;
    let wording: String =
        sqlx::query_scalar("SELECT wording FROM core.consent").fetch_one(town.database.pool()).await.unwrap();
    assert!(wording.starts_with("En répondant"), "{wording}");
    assert!(said(&town, "claire").contains("Done, thank you!"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_yes_is_undone_and_the_right_person_is_invited_again() {
    let town = town().await;
    let payload = invited(&town).await;
    town.says("bob", "/delier").await;
    assert!(town.last("bob").words.contains("reliée à aucune autre"));
    town.says("bob", "/start").await;
    town.taps("bob", "Oui, prévenez-moi").await;
    follows(&town, "bob", &payload).await;
    town.taps("bob", YES).await;
    assert_eq!(town.number(BOUND).await, 1);
    town.says("bob", "/delier").await;
    assert!(said(&town, "bob").contains("l’invitation que vous avez acceptée"));
    town.taps("bob", "Oui, séparer").await;
    assert_eq!((town.number(BOUND).await, town.number(REMINDERS).await, town.number(HERE).await), (0, 0, 0));
    assert_eq!(town.heard(0).last().unwrap(), "split");
    // He is who he was, with what he had agreed to before; she is not.
    let agreed = "SELECT count(*) FROM core.consent JOIN core.contact ON contact.id = consent.contact_id
        WHERE withdrawn_at IS NULL AND contact.external_id IS NULL AND contact.status = 'active'";
    assert_eq!(town.number(agreed).await, 1);
    assert_eq!(town.number("SELECT count(*) FROM core.consent WHERE withdrawn_at IS NULL").await, 1);
    follows(&town, "claire", &payload).await;
    assert!(town.last("claire").words.contains("a déjà servi"));
    assert_eq!(issue(&town).await, Issued { issued: 1, ..Issued::default() });
    follows(&town, "claire", &self::payload(&entries(&town).await[0])).await;
    town.taps("claire", YES).await;
    assert_eq!(town.number(BOUND).await, 1);
}

/// A plugin that cannot settle keeps the binding from happening, and the button works once it is back.
#[tokio::test(flavor = "multi_thread")]
async fn while_a_plugin_is_away_nothing_is_bound_and_nothing_is_lost() {
    let mut town = town().await;
    let payload = invited(&town).await;
    follows(&town, "claire", &payload).await;
    enabled(&mut town, false).await;
    town.taps("claire", YES).await;
    assert!(town.last("claire").words.contains("arrêtée pour le moment"));
    assert_eq!((town.number(BOUND).await, town.number("SELECT count(*) FROM core.consent").await), (0, 0));
    enabled(&mut town, true).await;
    town.taps("claire", YES).await;
    assert_eq!(town.number(BOUND).await, 1);
}

async fn enabled(town: &mut Town, enabled: bool) {
    town.stop().await;
    sqlx::query("UPDATE core.plugin SET enabled = $1").bind(enabled).execute(town.database.pool()).await.unwrap();
    town.start().await;
    town.quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn issuing_twice_changes_nothing() {
    let town = town().await;
    imported(&town, "c1", "Claire Martin").await;
    let dora = imported(&town, "d1", "Dora").await;
    town.says("passer-by", "/ping").await;
    assert_eq!(issue(&town).await, Issued { issued: 2, ..Issued::default() });
    let first: Vec<String> = entries(&town).await.iter().map(payload).collect();
    assert_eq!(issue(&town).await, Issued { kept: 2, ..Issued::default() });
    follows(&town, "claire", &first[0]).await;
    town.taps("claire", YES).await;
    assert_eq!(issue(&town).await, Issued { kept: 1, bound: 1, ..Issued::default() });
    assert_eq!(reissue(&town).await, Reissued { reissued: 1, left_alone: 1 });
    town.advance(LIFE).await;
    let organisation = town.service().default_organisation().unwrap().view.id;
    let now = town.clock.now();
    let these = ContactSet::These(vec![dora]);
    let issued = invitation::issue(&mut *connection(&town).await, organisation, now, &these, LIFE).await.unwrap();
    assert_eq!(issued, Issued { issued: 1, ..Issued::default() }, "what has ended is issued anew");
    for life in [TimeDelta::hours(23), TimeDelta::days(401)] {
        let refused = invitation::issue(&mut *connection(&town).await, organisation, now, &these, life).await;
        assert!(refused.unwrap_err().to_string().contains("1 to 400 days"));
    }
    assert_eq!(town.number("SELECT count(*) FROM core.audit WHERE action = 'invitations.issued'").await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_out_is_a_row_or_a_card_each() {
    let town = town().await;
    imported(&town, "c1", "Claire <Martin>").await;
    issue(&town).await;
    let organisation = town.service().default_organisation().unwrap();
    let entries = entries(&town).await;
    let code = &entries[0].code;
    let csv = invitation::mail_merge(Vec::new(), organisation, &links(), &entries).unwrap();
    let expected = format!(
        "\u{feff}external_id;name;collectivite;email;link scripted;link other;code;write;expires\r\n\
         c1;Claire <Martin>;Nantes;claire@nantes.example;https://scripted.example/bot?start=invitation-{code};\
         https://other.example/bot;{code};/invitation {code};samedi 31 octobre 2026\r\n"
    );
    assert_eq!(String::from_utf8(csv).unwrap(), expected);

    let page = invitation::printed(organisation, &entries);
    assert_eq!(page.matches("<article lang=\"fr\">").count(), 1);
    assert_eq!(page.matches("<svg role=\"img\" aria-label=\"Code QR du lien pour ").count(), 2);
    assert!(page.contains("Claire &lt;Martin&gt;, Nantes") && !page.contains("<Martin>"), "{page}");
    assert!(page.contains(&format!("<code>/invitation {code}</code>")));
    for fetched in [" src=", "<link", "<script", "url(", "@import"] {
        assert!(!page.contains(fetched), "`{fetched}` in {page}");
    }
    // Whoever was handed one and used it is on no later sheet.
    follows(&town, "claire", &payload(&entries[0])).await;
    town.taps("claire", YES).await;
    assert!(self::entries(&town).await.is_empty());
}

/// Somebody says yes, and the process dies at the `commits`th commit after. Says whether there was one.
async fn crash_at(town: &mut Town, commits: i64, moment: Moment) -> bool {
    town.start().await;
    let external_id = format!("p{commits}");
    imported(town, &external_id, &external_id).await;
    issue(town).await;
    let payload = payload(&entries(town).await[0]);
    follows(town, &external_id, &payload).await;
    let buttons = town.platform.chat(&external_id).into_iter().flat_map(|shown| shown.buttons);
    let token = buttons.into_iter().find(|(label, _)| label == YES).unwrap().1;
    town.stop().await;

    let proxy = Proxy::to(&town.database.options(), moment).await;
    town.start_through(proxy.options.clone()).await;
    town.quiet().await;
    let event = town.event(&town.platform, &external_id, InboundKind::Action { token });
    let intake = town.platform.intake().await;
    proxy.light(commits);
    tokio::select! {
        () = proxy.burnt() => {}
        () = async {
            // Whether it was taken or not, the platform offers it again below.
            let _ = intake.receive(std::slice::from_ref(&event), None).await;
            while town.delivery_states_of(&external_id).await.iter().filter(|state| *state == "sent").count() < 2 {
                a_moment().await;
            }
        } => {}
    }
    let crashed = proxy.is_burnt();
    town.abandon();
    drop(proxy);
    town.alone().await;

    town.start().await;
    town.platform.intake().await.receive(&[event], None).await.unwrap();
    town.quiet().await;
    let counts: (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM core.address WHERE contact_id = contact.id),
                (SELECT count(*) FROM core.consent WHERE contact_id = contact.id),
                (SELECT count(*) FROM core.invitation WHERE contact_id = contact.id AND used_by IS NOT NULL)
         FROM core.contact WHERE external_id = $1",
    )
    .bind(&external_id)
    .fetch_one(town.database.pool())
    .await
    .unwrap();
    assert_eq!(counts, (1, 1, 1), "crash {moment:?} commit {commits}");
    let welcomes = said(town, &external_id).matches("C’est fait, merci").count();
    assert_eq!(welcomes, 1, "crash {moment:?} commit {commits}");
    town.stop().await;
    crashed
}

async fn crash_everywhere(moment: Moment) {
    let mut platform = ScriptedPlatform::new("scripted");
    platform.idempotent_for = TimeDelta::hours(1);
    let mut town = Town::with(platform, vec![ScriptedPlugin::new("scripted", &["ping"])]).await;
    town.stop().await;
    let mut crashes = 0;
    while crash_at(&mut town, crashes, moment).await {
        crashes += 1;
    }
    assert!(crashes >= 8, "only {crashes} commits were interrupted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_just_before_any_commit_binds_once() {
    crash_everywhere(Moment::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_just_after_any_commit_binds_once() {
    crash_everywhere(Moment::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_under_an_accepted_invitation_takes_the_consent_back() {
    let town = town().await;
    let payload = invited(&town).await;
    follows(&town, "claire", &payload).await;
    let question = town.last("claire");
    town.taps("claire", YES).await;
    assert_eq!((town.number(BOUND).await, town.number(REMINDERS).await), (1, 1));
    // The old message still has its buttons.
    let no = question.buttons.iter().find(|(label, _)| label == NO).unwrap().1.clone();
    town.hears_event(&town.platform, "claire", InboundKind::Action { token: no }).await;
    assert!(said(&town, "claire").contains("je ne vous enverrai pas de rappels"), "{}", said(&town, "claire"));
    assert_eq!((town.number(BOUND).await, town.number(REMINDERS).await, town.number(HERE).await), (1, 0, 0));
}
