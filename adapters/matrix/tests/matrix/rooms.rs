//! Rooms that come, grow, are left, upgraded, and opened by the bot.

use bot_core::Address;
use bot_core::adapter::{Adapter, ConversationKind, InboundKind, Verdict};
use bot_core::message::Document;
use bot_core::{Platform, Redacted};
use serde_json::json;

use crate::world::{Scene, within, world};

#[tokio::test]
async fn a_room_of_version_11_is_followed_to_its_successor() {
    let Some((world, _alone)) = world().await else { return };
    let scene = Scene::set(world, "11").await;
    assert!(scene.room.ends_with(":localhost"), "until version 11, a room's name tells its server");
    scene.says("avant").await;
    scene.takes_texts(&["avant".to_owned()]).await;

    let successor = scene.citizen.upgrades(&scene.room, "12").await;
    assert!(!successor.contains(':'), "since version 12 it does not");
    scene.citizen.invites(&successor, &scene.bot.user).await;
    let moved = InboundKind::Moved { to_platform_ref: Redacted::new(successor.clone()) };
    let moved = scene.takes("the move", |event| event.kind == moved).await;
    assert_eq!(moved.conversation, scene.room, "it is told of the room there was");
    let Verdict::Moved { to } = scene.try_to_send(&Document::says("où ?"), 1).await else {
        panic!("a move was expected")
    };
    assert_eq!(*to.platform_ref.expose(), successor);
    scene.citizen.says(&successor, &scene.bot.user, "après").await;
    let after = scene.takes("the text in the new room", |event| event.conversation == successor).await;
    assert!(matches!(after.kind, InboundKind::Text { .. }));
}

#[tokio::test]
async fn a_room_of_three_is_a_group_and_not_private() {
    let Some((world, _alone)) = world().await else { return };
    let scene = Scene::set(world, "12").await;
    scene.says("à deux").await;
    scene.takes_texts(&["à deux".to_owned()]).await;
    assert!(scene.adapter.capabilities(&scene.conversation()).private);

    let third = world.citizens.arrive(&world.name("third")).await;
    scene.citizen.invites(&scene.room, &third.user).await;
    third.joins(&scene.room).await;
    third.says(&scene.room, &scene.bot.user, "à trois").await;
    scene.takes_texts(&["à deux".to_owned(), "à trois".to_owned()]).await;
    assert!(!scene.adapter.capabilities(&scene.conversation()).private, "a third reads along");
    // One who leaves a group closes nothing.
    third.leaves(&scene.room).await;
    scene.says("encore à deux").await;
    scene
        .takes(
            "the text after",
            |event| matches!(&event.kind, InboundKind::Text { text } if text.expose().starts_with("encore")),
        )
        .await;
    assert!(scene.account.inbox().await.iter().all(|event| event.kind != InboundKind::Closed));
    within("it is private again", async {
        while !scene.adapter.capabilities(&scene.conversation()).private {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_room_anybody_may_enter_is_not_private() {
    let Some((world, _alone)) = world().await else { return };
    let scene = Scene::set(world, "12").await;
    assert!(scene.adapter.capabilities(&scene.conversation()).private);
    let path = format!("/rooms/{}/state/m.room.join_rules", scene.room);
    scene.citizen.call("PUT", &path, json!({ "join_rule": "public" })).await;
    within("it is open to all", async {
        while scene.adapter.capabilities(&scene.conversation()).private {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_bot_opens_one_encrypted_room_for_each_person() {
    let Some((world, _alone)) = world().await else { return };
    let mut scene = Scene::set(world, "12").await;
    let other = world.citizens.arrive(&world.name("other")).await;
    let address = Address::new(Platform::new("matrix"), other.user.clone());
    let open = async |scene: &Scene| match scene.adapter.open_direct(&address).await {
        Verdict::Sent(conversation) => conversation,
        verdict => panic!("the room was answered with {verdict:?}"),
    };
    let opened = open(&scene).await;
    assert_eq!(opened.kind, ConversationKind::Direct);
    assert_eq!(open(&scene).await, opened, "the second time it is found");
    let room = opened.platform_ref.expose().clone();
    other.joins(&room).await;
    scene.takes("they came", |event| event.kind == InboundKind::Opened && event.conversation == room).await;
    other.says(&room, &scene.bot.user, "bonjour").await;
    scene
        .takes("their text", |event| event.conversation == room && matches!(event.kind, InboundKind::Text { .. }))
        .await;
    let first = std::mem::replace(&mut scene.room, room.clone());
    let citizen = std::mem::replace(&mut scene.citizen, other.clone());
    let sent = scene.sends(&Document::says("bienvenue"), 1).await;
    assert!(scene.sees("the welcome", |said| said.id == sent).await.decrypted);
    assert_eq!(
        scene.adapter.open_direct(&Address::new(Platform::new("matrix"), citizen.user.clone())).await,
        Verdict::Sent(bot_core::adapter::ConversationRef {
            kind: ConversationKind::Direct,
            platform_ref: first.into()
        }),
        "and the room that a person opened is theirs"
    );

    other.leaves(&room).await;
    scene.takes("they left", |event| event.kind == InboundKind::Closed && event.conversation == room).await;
    assert!(matches!(scene.adapter.open_direct(&address).await, Verdict::RecipientStopped { .. }));
    assert!(matches!(scene.try_to_send(&Document::says("encore"), 2).await, Verdict::RecipientStopped { .. }));
}

#[tokio::test]
async fn invitations_are_followed_as_the_operator_allows() {
    let Some((world, _alone)) = world().await else { return };
    let mut scene = Scene::set(world, "12").await;
    scene.stop().await.unwrap();
    scene.bot.settings.invitations = adapter_matrix::Invitations::Servers(vec!["example.org".into()]);
    let room = scene.citizen.opens_direct(&scene.bot.user, "12").await;
    scene.start_anew().await;
    within("the invitation is declined", async {
        loop {
            let members = scene.citizen.call("GET", &format!("/rooms/{room}/members"), json!(null)).await;
            let bot = members["chunk"]
                .as_array()
                .unwrap()
                .iter()
                .find(|member| member["state_key"] == scene.bot.user.as_str());
            if bot.unwrap()["content"]["membership"] == "leave" {
                return;
            }
        }
    })
    .await;
}
