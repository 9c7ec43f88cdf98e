//! What is for a room's moderators to decide: the platform is asked who they are, and nobody else.

use bot_core::Redacted;
use bot_core::adapter::{ConversationKind, ConversationRef, InboundKind};

use crate::scripted::{ScriptedPlatform, ScriptedPlugin};
use crate::town::Town;

const COMMANDS: [&str; 2] = ["moderate", "moderate_button"];

async fn town(moderator: Option<&'static str>) -> Town {
    let mut platform = ScriptedPlatform::new("scripted");
    platform.moderator = moderator;
    Town::with(platform, vec![ScriptedPlugin::new("rooms", &COMMANDS)]).await
}

async fn in_the_room(town: &Town, who: &str, kind: InboundKind) {
    let mut event = town.event(&town.platform, who, kind);
    event.conversation =
        ConversationRef { kind: ConversationKind::Group, platform_ref: Redacted::new("room".to_owned()) };
    town.platform.intake().await.receive(&[event], None).await.unwrap();
    town.quiet().await;
}

fn text(words: &str) -> InboundKind {
    InboundKind::Text { text: Redacted::new(words.to_owned()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_room_its_moderators_decide_and_in_private_everyone_for_themselves() {
    let town = town(Some("ana")).await;
    in_the_room(&town, "zoe", text("/moderate")).await;
    assert!(town.last("room").words.contains("revient à ses modérateurs"), "{:?}", town.last("room"));
    in_the_room(&town, "ana", text("/moderate ici")).await;
    assert_eq!(town.last("room").words, "moderate ici");
    town.says("zoe", "/moderate pour moi").await;
    assert_eq!(town.last("zoe").words, "moderate pour moi");

    in_the_room(&town, "zoe", text("/moderate_button")).await;
    in_the_room(&town, "ana", text("/moderate_button")).await;
    let token = town.last("room").buttons[0].1.clone();
    let press = InboundKind::Action { token };
    in_the_room(&town, "zoe", press.clone()).await;
    assert!(town.last("room").words.contains("revient à ses modérateurs"));
    in_the_room(&town, "ana", press).await;
    assert_eq!(town.last("room").words, "Choisi : [98]");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_be_asked_about_decides_nothing() {
    let town = town(None).await;
    in_the_room(&town, "ana", text("/moderate")).await;
    assert!(town.last("room").words.contains("revient à ses modérateurs"));
}
