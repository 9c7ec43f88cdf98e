//! Presses and commands: the sign in time, and the words in their place.

use bot_core::adapter::{Adapter, ConversationKind, InboundKind, Verdict};
use bot_core::conformance::DatabaseFault;
use bot_core::message::Document;
use chrono::TimeDelta;
use fake_discord::{Answered, Fault, Person};

use crate::town::{Town, action, direct, message_id, place, seal};

const CALLBACK: &str = "POST /interactions/*/*/callback";

async fn asks(town: &Town, ana: &Person) {
    let question = Document::says("Quelle halle ?").choice("Couverte", action(1)).choice("Ouverte", action(2));
    message_id(&town.send(&direct(ana), &question, 900).await);
}

fn words(town: &Town, ana: &Person) -> Vec<String> {
    let _ = town;
    ana.sees(ana.direct()).into_iter().map(|shown| shown.content).collect()
}

#[tokio::test]
async fn a_press_is_taken_without_a_word() {
    let town = Town::awake().await;
    let ana = town.fake.person("Ana");
    asks(&town, &ana).await;
    assert_eq!(ana.presses(ana.direct(), &seal(&action(2)).0).await, Answered::Silently);
    let taken = town.account.inbox().await.pop().unwrap();
    assert_eq!(taken.kind, InboundKind::Action { token: seal(&action(2)) });
    // The answer is a message like any other, though it names the press.
    let token = taken.acknowledgement;
    message_id(&town.send_in_reply(&direct(&ana), &Document::says("Noté."), 1, token.as_ref()).await);
    assert_eq!(words(&town, &ana), ["Quelle halle ?", "Noté."]);
}

#[tokio::test]
async fn many_answers_are_a_menu_that_can_be_chosen_from() {
    let town = Town::awake().await;
    let ana = town.fake.person("Ana");
    let question = (0..14)
        .fold(Document::says("Quel jour ?"), |question, day| question.choice(format!("Jour {day}"), action(day)));
    message_id(&town.send(&direct(&ana), &question.step("Passer", action(99)), 1).await);
    assert_eq!(ana.presses(ana.direct(), &seal(&action(13)).0).await, Answered::Silently);
    assert_eq!(ana.presses(ana.direct(), &seal(&action(99)).0).await, Answered::Silently);
    let kinds: Vec<InboundKind> = town.account.inbox().await.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [13, 99].map(|byte| InboundKind::Action { token: seal(&action(byte)) }));
}

#[tokio::test]
async fn the_first_words_take_the_place_of_thinking() {
    let town = Town::awake().await;
    let ana = town.fake.person("Ana");
    assert_eq!(ana.runs(ana.direct(), "aide", Some("voter ici")).await, Answered::Thinking);
    town.takes(&["/aide voter ici"]).await;
    let token = town.latest_acknowledgement().await;
    let here = direct(&ana);
    let first = town.send_in_reply(&here, &Document::says("Voici."), 1, Some(&token)).await;
    let again = town.send_in_reply(&here, &Document::says("Voici."), 1, Some(&token)).await;
    assert_eq!(first, again, "the same part stays in its place");
    message_id(&town.send_in_reply(&here, &Document::says("Et ensuite."), 2, Some(&token)).await);
    assert_eq!(words(&town, &ana), ["Voici.", "Et ensuite."]);
    assert!(ana.sees(ana.direct()).iter().all(|shown| !shown.thinking));
    // Once the token is dead the message is changed by its own id.
    town.advance(TimeDelta::hours(1));
    let Verdict::Sent(ids) = first else { panic!("it was sent") };
    let layout = town.layout(&here, &Document::says("Voilà."));
    let edited = town.discord.edit(&crate::town::request(&here, &layout.parts[0], 3), &ids).await;
    assert_eq!(edited, Verdict::Sent(ids));
    assert_eq!(words(&town, &ana), ["Voilà.", "Et ensuite."]);
}

#[tokio::test]
async fn another_process_finds_the_place_that_is_kept() {
    let mut town = Town::awake().await;
    let ana = town.fake.person("Ana");
    ana.runs(ana.direct(), "aide", None).await;
    town.takes(&["/aide"]).await;
    let token = town.latest_acknowledgement().await;
    let here = direct(&ana);
    town.restart().await;
    let first = town.send_in_reply(&here, &Document::says("Voici."), 1, Some(&token)).await;
    town.restart().await;
    assert_eq!(town.send_in_reply(&here, &Document::says("Voici."), 1, Some(&token)).await, first);
    message_id(&town.send_in_reply(&here, &Document::says("Et ensuite."), 2, Some(&token)).await);
    assert_eq!(words(&town, &ana), ["Voici.", "Et ensuite."]);
}

#[tokio::test]
async fn among_others_only_the_person_sees_the_answer() {
    let town = Town::awake().await;
    let (_, channel) = town.fake.guild("Trifouilly");
    let (ana, bruno) = (town.fake.person("Ana"), town.fake.person("Bruno"));
    let here = place(ConversationKind::Channel, channel);
    message_id(&town.send(&here, &Document::says("Votez !").choice("Voter", action(1)), 900).await);
    assert_eq!(ana.presses(channel, &seal(&action(1)).0).await, Answered::Thinking);
    town.until("the press to be taken", async |town| town.account.inbox().await.len() == 1).await;
    let token = town.latest_acknowledgement().await;
    let sent = town.send_in_reply(&here, &Document::says("Écrivez-moi."), 1, Some(&token)).await;
    message_id(&town.send_in_reply(&here, &Document::says("Et ensuite."), 2, Some(&token)).await);
    let seen = |person: &Person| person.sees(channel).into_iter().map(|shown| shown.content).collect::<Vec<_>>();
    assert_eq!(seen(&ana), ["Votez !", "Écrivez-moi.", "Et ensuite."]);
    assert_eq!(seen(&bruno), ["Votez !"]);
    // It cannot be reached by its id, and is gone by itself.
    let Verdict::Sent(ids) = sent else { panic!("it was sent") };
    let layout = town.layout(&here, &Document::says("Autre chose."));
    let edited = town.discord.edit(&crate::town::request(&here, &layout.parts[0], 3), &ids).await;
    assert!(matches!(edited, Verdict::Rejected { .. }));
    assert_eq!(town.discord.delete(&here, &ids).await, Verdict::Sent(()));
    // Too late it is not said aloud.
    town.advance(TimeDelta::minutes(16));
    let late = town.send_in_reply(&here, &Document::says("Trop tard."), 4, Some(&token)).await;
    assert!(matches!(late, Verdict::Rejected { .. }), "{late:?}");
    assert_eq!(seen(&bruno), ["Votez !"]);
}

#[tokio::test]
async fn a_dead_token_is_no_reason_to_be_silent_in_private() {
    let town = Town::awake().await;
    let ana = town.fake.person("Ana");
    ana.runs(ana.direct(), "aide", None).await;
    town.takes(&["/aide"]).await;
    let token = town.latest_acknowledgement().await;
    // By the fake's clock only: ours still believes in the token.
    town.fake.advance(TimeDelta::minutes(16).num_milliseconds());
    message_id(&town.send_in_reply(&direct(&ana), &Document::says("Voici."), 1, Some(&token)).await);
    town.advance(TimeDelta::minutes(16));
    message_id(&town.send_in_reply(&direct(&ana), &Document::says("Encore."), 2, Some(&token)).await);
    assert_eq!(words(&town, &ana), ["", "Voici.", "Encore."], "the first only ever says that the bot thinks");
}

#[tokio::test]
async fn a_late_sign_loses_nothing() {
    let town = Town::awake().await;
    let ana = town.fake.person("Ana");
    asks(&town, &ana).await;
    town.fake.script(CALLBACK, Fault::Late { millis: 4_000 });
    assert_eq!(ana.presses(ana.direct(), &seal(&action(1)).0).await, Answered::NotAtAll);
    town.until("the press to be taken", async |town| town.account.inbox().await.len() == 1).await;
    town.fake.script(CALLBACK, Fault::Late { millis: 4_000 });
    assert_eq!(ana.runs(ana.direct(), "aide", None).await, Answered::NotAtAll);
    town.takes(&["/aide"]).await;
    let token = town.latest_acknowledgement().await;
    message_id(&town.send_in_reply(&direct(&ana), &Document::says("Voici."), 1, Some(&token)).await);
    assert_eq!(words(&town, &ana), ["Quelle halle ?", "Voici."]);
}

#[tokio::test]
async fn a_slow_inbox_gets_its_sign_in_time_and_its_words_later() {
    let town = Town::awake().await;
    let ana = town.fake.person("Ana");
    let held = town.hold_the_inbox().await;
    assert_eq!(ana.runs(ana.direct(), "aide", None).await, Answered::Thinking);
    assert!(town.account.context.state.get("never").await.is_ok(), "only the inbox is held");
    held.rollback().await.unwrap();
    town.takes(&["/aide"]).await;
    let token = town.latest_acknowledgement().await;
    message_id(&town.send_in_reply(&direct(&ana), &Document::says("Voici."), 1, Some(&token)).await);
    assert_eq!(words(&town, &ana), ["Voici."]);
}

#[tokio::test]
async fn a_sign_given_too_early_is_taken_back() {
    let town = Town::awake().await;
    let ana = town.fake.person("Ana");
    asks(&town, &ana).await;
    town.account.break_down(DatabaseFault::InboxRefuses).await;
    let held = town.hold_the_inbox().await;
    assert_eq!(ana.runs(ana.direct(), "aide", None).await, Answered::Thinking);
    assert_eq!(ana.presses(ana.direct(), &seal(&action(1)).0).await, Answered::Silently);
    held.rollback().await.unwrap();
    town.until("both to be told", async |town| {
        words(town, &ana).iter().filter(|words| words.contains("Réessayez")).count() == 2
    })
    .await;
    assert!(town.account.inbox().await.is_empty());
}

#[tokio::test]
async fn what_is_not_stored_is_said_at_once_in_the_persons_language() {
    let town = Town::awake().await;
    let (ana, bill) = (town.fake.person("Ana"), town.fake.person("Bill"));
    bill.speaks("en-GB");
    asks(&town, &ana).await;
    town.account.break_down(DatabaseFault::InboxRefuses).await;
    let pressed = ana.presses(ana.direct(), &seal(&action(1)).0).await;
    assert!(matches!(pressed, Answered::With { content, only_for_one: true } if content.contains("Réessayez")));
    let said = bill.runs(bill.direct(), "help", None).await;
    assert!(matches!(said, Answered::With { content, only_for_one: true } if content.contains("try again")));
    town.account.mend().await;
    assert_eq!(ana.presses(ana.direct(), &seal(&action(1)).0).await, Answered::Silently);
    assert_eq!(town.account.inbox().await.len(), 1);
}
