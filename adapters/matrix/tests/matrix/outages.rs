//! What is lost when something fails: nothing.

use bot_core::adapter::{AccountHealth, Adapter, ConversationRef, GateScope, Verdict};
use bot_core::message::{Document, Layout};
use chrono::TimeDelta;
use real_matrix::{RateLimits, SendFault};
use serde_json::json;

use crate::world::{Scene, World, request, within, world};

/// More than one answer of the homeserver holds.
const A_GAP: usize = 60;

#[tokio::test]
async fn a_gap_and_a_killed_homeserver_lose_nothing() {
    let Some((world, _alone)) = world().await else { return };
    let mut scene = Scene::set(world, "12").await;
    scene.says("avant").await;
    let mut texts = vec!["avant".to_owned()];
    scene.takes_texts(&texts).await;

    scene.stop().await.unwrap();
    for number in 0..A_GAP {
        texts.push(format!("pendant {number}"));
        scene.says(&texts[number + 1]).await;
    }
    scene.start_anew().await;
    scene.takes_texts(&texts).await;

    world.synapse.kill();
    within("the bot notices", async {
        while !matches!(scene.adapter.health(), AccountHealth::Failed { .. }) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let verdict = scene.try_to_send(&Document::says("personne ?"), 1).await;
    assert!(matches!(verdict, Verdict::Retry { .. } | Verdict::Unknown { .. }), "{verdict:?}");
    world.synapse.restart();
    texts.push("après".to_owned());
    scene.says("après").await;
    scene.takes_texts(&texts).await;
    scene.sends(&Document::says("me revoilà"), 2).await;
    scene.sees("the bot is back", |said| said.content["body"] == "me revoilà").await;
}

#[tokio::test]
async fn a_send_of_unknown_outcome_is_cleared_up() {
    let Some((world, _alone)) = world().await else { return };
    let scene = Scene::set(world, "12").await;
    let begun = scene.account.context.clock.now() - TimeDelta::days(3650);
    let conversation = scene.conversation();
    let layout = layout(&scene, &conversation, "une fois");
    let request = request(&conversation, &layout.parts[0], 7);

    assert!(matches!(scene.adapter.reconcile(&request, begun).await, Verdict::Retry { .. }), "it was never sent");
    scene.bot.proxy.fail_next_send(SendFault::BadGateway);
    let verdict = scene.adapter.send(&request).await;
    assert!(matches!(verdict, Verdict::Unknown { .. }), "who knows what is behind a proxy? {verdict:?}");
    assert!(matches!(scene.adapter.reconcile(&request, begun).await, Verdict::Retry { .. }));
    scene.bot.proxy.fail_next_send(SendFault::ReplyLost);
    assert!(matches!(scene.adapter.send(&request).await, Verdict::Unknown { .. }));
    let found = scene.adapter.reconcile(&request, begun).await;
    let again = scene.adapter.send(&request).await;
    assert!(matches!(found, Verdict::Sent(_)));
    assert_eq!(again, found, "within its window the homeserver recognises it");
}

fn layout(scene: &Scene, conversation: &ConversationRef, text: &str) -> Layout {
    let seal = |_: &bot_core::action::ActionPayload| bot_core::action::ActionToken("token".into());
    scene.adapter.render(&Document::says(text), conversation, &seal)
}

#[tokio::test]
async fn what_has_no_key_waits_and_holds_nothing_up() {
    let Some((world, _alone)) = world().await else { return };
    let scene = Scene::set(world, "12").await;
    let sealed = json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgAEnACgAkLmt6qF84IK++J7UDH2Za1YVchHyprqTqsg",
                         "sender_key": "x", "device_id": "X", "session_id": "nobody knows it" });
    let path = format!("/rooms/{}/send/m.room.encrypted/sealed", scene.room);
    scene.citizen.call("PUT", &path, sealed).await;
    scene.says("et pourtant").await;
    scene.takes_texts(&["et pourtant".to_owned()]).await;
    assert_eq!(scene.adapter.health(), AccountHealth::Ready, "a key may come later than its message");

    scene.account.context.clock.advance(TimeDelta::minutes(2));
    within("the account is impaired", async {
        while !matches!(scene.adapter.health(), AccountHealth::Impaired { .. }) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    scene.account.context.clock.advance(TimeDelta::hours(25));
    scene.says("toujours là").await;
    within("it was given up", async {
        while scene.adapter.health() != AccountHealth::Ready {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Synapse's own limits: ten messages at once, then one in five seconds. Its clock cannot be moved.
#[tokio::test]
async fn the_homeservers_own_limits_lose_nothing() {
    let alone = world().await;
    if alone.is_none() {
        return;
    }
    let Some(world) = World::start(RateLimits::Default) else { return };
    let scene = Scene::set(&world, "12").await;
    let mut throttled = 0;
    for number in 0..13u128 {
        let document = Document::says(format!("message {number}"));
        loop {
            match scene.try_to_send(&document, number).await {
                Verdict::Sent(_) => break,
                Verdict::Throttled { after, scope } => {
                    assert_eq!(scope, Some(GateScope::Account), "messages are counted over the account");
                    assert!(after > TimeDelta::zero() && after <= TimeDelta::seconds(6), "{after}");
                    throttled += 1;
                    // As the outbox's gate does, by the one clock that counts here: the homeserver's.
                    let _ = tokio::time::timeout(after.to_std().unwrap(), std::future::pending::<()>()).await;
                }
                other => panic!("message {number} was answered with {other:?}"),
            }
        }
    }
    assert!((2..=5).contains(&throttled), "throttled {throttled} times");
    let seen = within("all thirteen, once, in order", async {
        loop {
            let said = scene.citizen.sees(&scene.room).await;
            let texts: Vec<_> = said
                .iter()
                .filter(|said| said.sender == scene.bot.user && said.event_type == "m.room.message")
                .map(|said| said.content["body"].as_str().unwrap().to_owned())
                .collect();
            if texts.len() >= 13 {
                return texts;
            }
        }
    })
    .await;
    assert_eq!(seen, (0..13).map(|number| format!("message {number}")).collect::<Vec<_>>());
}
