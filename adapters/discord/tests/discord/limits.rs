//! Rate limits: heeded by the server's number, and without asking again meanwhile.

use bot_core::adapter::{AccountHealth, Adapter, ConversationKind, GateScope, Verdict};
use bot_core::message::Document;
use bot_core::{Address, Platform};
use chrono::TimeDelta;
use fake_discord::{Fault, Scope};

use crate::town::{Town, direct, message_id, place};

const MESSAGES: &str = "POST /channels/*/messages";
const OPENINGS: &str = "POST /users/@me/channels";

fn throttled(seconds: f64, scope: GateScope) -> Verdict<bot_core::adapter::RemoteIds> {
    Verdict::Throttled { after: TimeDelta::milliseconds((seconds * 1000.0) as i64), scope: Some(scope) }
}

#[tokio::test]
async fn an_empty_bucket_is_not_asked() {
    let town = Town::quiet().await;
    let (ana, bruno) = (town.fake.person("Ana"), town.fake.person("Bruno"));
    town.fake.limits_channels_to(2, 5_000);
    let hello = Document::says("Bonjour.");
    for delivery in [1, 2] {
        message_id(&town.send(&direct(&ana), &hello, delivery).await);
    }
    assert_eq!(town.send(&direct(&ana), &hello, 3).await, throttled(5.0, GateScope::Conversation));
    assert_eq!(town.fake.calls_to(MESSAGES), 2, "it would have been refused");
    message_id(&town.send(&direct(&bruno), &hello, 4).await);
    town.advance(TimeDelta::seconds(5));
    message_id(&town.send(&direct(&ana), &hello, 3).await);
    assert_eq!(town.fake.invalid_requests(), 0);
}

#[tokio::test]
async fn a_refusal_says_whom_it_is_for() {
    let hello = Document::says("Bonjour.");
    for (scope, barred) in [
        (Scope::User, GateScope::Conversation),
        (Scope::Shared, GateScope::Conversation),
        (Scope::Global, GateScope::Account),
    ] {
        let town = Town::quiet().await;
        let (ana, bruno) = (town.fake.person("Ana"), town.fake.person("Bruno"));
        town.fake.script(MESSAGES, Fault::RateLimited { scope, retry_after_seconds: 1.25 });
        assert_eq!(town.send(&direct(&ana), &hello, 1).await, throttled(1.25, barred));
        let other = town.send(&direct(&bruno), &hello, 2).await;
        assert_eq!(matches!(other, Verdict::Sent(_)), barred == GateScope::Conversation, "{other:?}");
        assert_eq!(town.send(&direct(&ana), &hello, 1).await, throttled(1.25, barred), "not asked again");
        town.advance(TimeDelta::milliseconds(1250));
        message_id(&town.send(&direct(&ana), &hello, 1).await);
        assert_eq!(town.fake.invalid_requests(), usize::from(scope != Scope::Shared));
    }
}

#[tokio::test]
async fn the_wall_before_the_api_bars_this_machine() {
    let town = Town::quiet().await;
    let ana = town.fake.person("Ana");
    town.fake.script(MESSAGES, Fault::Walled);
    let hello = Document::says("Bonjour.");
    assert_eq!(town.send(&direct(&ana), &hello, 1).await, throttled(600.0, GateScope::Host));
    assert_eq!(town.send(&direct(&ana), &hello, 1).await, throttled(600.0, GateScope::Host));
    assert_eq!(town.fake.calls_to(MESSAGES), 1);
}

#[tokio::test]
async fn opening_conversations_has_a_limit_of_its_own() {
    let town = Town::quiet().await;
    let address = |person: &fake_discord::Person| Address::new(Platform::new("discord"), person.id.to_string());
    let (ana, bruno) = (town.fake.person("Ana"), town.fake.person("Bruno"));
    town.fake.limits_openings_to(1, 60_000);
    assert_eq!(town.discord.open_direct(&address(&ana)).await, Verdict::Sent(direct(&ana)));
    let barred = Verdict::Throttled { after: TimeDelta::seconds(60), scope: Some(GateScope::Route) };
    assert_eq!(town.discord.open_direct(&address(&bruno)).await, barred);
    message_id(&town.send(&direct(&ana), &Document::says("Bonjour."), 1).await);
    town.advance(TimeDelta::seconds(60));
    town.fake.script(OPENINGS, Fault::Refused { status: 400, code: 40003 });
    let too_fast = Verdict::Throttled { after: TimeDelta::minutes(10), scope: Some(GateScope::Route) };
    assert_eq!(town.discord.open_direct(&address(&bruno)).await, too_fast);
    assert_eq!(town.discord.open_direct(&address(&bruno)).await, too_fast);
    assert_eq!(town.fake.calls_to(OPENINGS), 2);
    let stranger = Address::new(Platform::new("discord"), "42");
    town.advance(TimeDelta::minutes(10));
    assert!(matches!(town.discord.open_direct(&stranger).await, Verdict::RecipientStopped { .. }));
    let elsewhere = Address::new(Platform::new("telegram"), "42");
    assert!(matches!(town.discord.open_direct(&elsewhere).await, Verdict::Rejected { .. }));
}

#[tokio::test]
async fn too_many_refusals_stop_the_account_before_discord_does() {
    let mut town = Town::awake().await;
    let ana = town.fake.person("Ana");
    ana.blocks_the_bot();
    town.fake.limits_channels_to(100_000, 1_000);
    let hello = Document::says("Bonjour.");
    let mut delivery = 0;
    loop {
        delivery += 1;
        match town.send(&direct(&ana), &hello, delivery).await {
            Verdict::RecipientStopped { .. } => {}
            Verdict::Throttled { scope: Some(GateScope::Host), .. } => break,
            other => panic!("{other:?}"),
        }
        assert!(delivery < 10_000, "Discord would have barred this machine");
    }
    let refused = town.fake.invalid_requests();
    assert!(matches!(town.discord.health(), AccountHealth::Failed { reason } if reason.contains("refused too many")));
    ana.unblocks_the_bot();
    // Another process does not begin anew.
    town.restart_unready().await;
    let (_, channel) = town.fake.guild("Trifouilly");
    let elsewhere = place(ConversationKind::Channel, channel);
    let verdict = town.send(&elsewhere, &hello, 1).await;
    assert!(matches!(verdict, Verdict::Throttled { scope: Some(GateScope::Host), .. }), "{verdict:?}");
    assert_eq!(town.fake.invalid_requests(), refused);
    town.advance(TimeDelta::minutes(21));
    message_id(&town.send(&elsewhere, &hello, 1).await);
}
