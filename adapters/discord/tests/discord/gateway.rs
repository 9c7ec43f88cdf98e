//! Sessions: begun, resumed, lost, refused, counted.

use bot_core::adapter::{AccountHealth, Adapter, InboundKind, RunError};
use bot_core::store::account_state::StateEntry;
use chrono::TimeDelta;
use fake_discord::Fault;
use serde_json::json;

use crate::town::Town;

#[tokio::test]
async fn a_broken_connection_is_resumed_and_nothing_is_lost() {
    let town = Town::awake().await;
    let ana = town.fake.person("Ana");
    ana.says("avant");
    town.takes(&["avant"]).await;
    // Whatever is said from here on is only heard by resuming.
    town.fake.closes_connections_with(4000);
    ana.says("pendant");
    town.takes(&["avant", "pendant"]).await;
    town.fake.asks_to_reconnect();
    town.fake.until(|fake| fake.resumed() == 2).await;
    ana.says("après");
    town.takes(&["avant", "pendant", "après"]).await;
    assert_eq!(town.fake.identified(), 1, "resuming is not presenting oneself");
}

#[tokio::test]
async fn what_was_written_between_two_sessions_is_fetched() {
    let town = Town::awake().await;
    let (ana, bruno) = (town.fake.person("Ana"), town.fake.person("Bruno"));
    ana.says("avant");
    town.takes(&["avant"]).await;
    bruno.says("bonjour");
    town.takes(&["avant", "bonjour"]).await;
    town.fake.invalidates_sessions(false);
    // Nobody is told of these: the session is gone.
    ana.says("pendant un");
    ana.says("pendant deux");
    town.takes(&["avant", "bonjour", "pendant un", "pendant deux"]).await;
    assert_eq!(town.fake.identified(), 2);
    bruno.says("après");
    town.takes(&["avant", "bonjour", "pendant un", "pendant deux", "après"]).await;
}

#[tokio::test]
async fn a_session_that_may_be_resumed_is() {
    let town = Town::awake().await;
    let ana = town.fake.person("Ana");
    town.fake.invalidates_sessions(true);
    town.fake.until(|fake| fake.resumed() == 1).await;
    ana.says("bonjour");
    town.takes(&["bonjour"]).await;
    assert_eq!(town.fake.identified(), 1);
}

#[tokio::test]
async fn a_long_outage_is_fetched_page_by_page() {
    let mut town = Town::awake().await;
    let ana = town.fake.person("Ana");
    ana.says("0");
    town.takes(&["0"]).await;
    town.stop().await;
    let texts: Vec<String> = (0..=230).map(|number| number.to_string()).collect();
    for text in &texts[1..] {
        ana.says(text);
    }
    town.start().await;
    town.takes(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(town.fake.calls_to("GET /channels/*/messages") >= 3);
}

#[tokio::test]
async fn a_silent_gateway_is_left() {
    let mut town = Town::quiet().await;
    let ana = town.fake.person("Ana");
    town.fake.wants_heartbeats_every(200);
    town.fake.answers_heartbeats(false);
    town.start().await;
    town.fake.until(|fake| fake.identified() == 2).await;
    town.fake.answers_heartbeats(true);
    ana.says("bonjour");
    town.takes(&["bonjour"]).await;
}

#[tokio::test]
async fn a_refusal_that_stays_is_told_with_its_remedy() {
    for (code, words) in
        [(4004, "Reset Token"), (4013, "Privileged Gateway Intents"), (4014, "Privileged Gateway Intents")]
    {
        let town = Town::quiet().await;
        town.fake.refuses_sessions_with(Some(code));
        let Err(RunError::Refused(reason)) = town.ends().await else { panic!("{code} is final") };
        assert!(reason.contains(words), "{reason}");
        assert!(matches!(town.discord.health(), AccountHealth::Failed { .. }));
        assert_eq!(town.fake.identified(), 1, "it is not tried again");
    }
}

#[tokio::test]
async fn a_token_that_is_missing_or_refused_stops_nothing_but_the_account() {
    let town = Town::quiet().await;
    std::fs::remove_file(town.token.path()).unwrap();
    assert!(matches!(town.ends().await, Err(RunError::Refused(reason)) if reason.contains("create it")));
    assert!(matches!(town.discord.health(), AccountHealth::Failed { .. }));
    assert!(town.discord.secrets().is_empty());
    town.token.write("abc.def");
    assert!(matches!(town.ends().await, Err(RunError::Refused(reason)) if reason.contains("Reset Token")));
    assert_eq!(town.fake.connections(), 0);
}

#[tokio::test]
async fn without_the_gateways_address_nothing_is_connected_to() {
    let town = Town::quiet().await;
    town.fake.script("GET /gateway/bot", Fault::BadGateway);
    assert!(matches!(town.ends().await, Err(RunError::Lost(_))));
    town.fake.goes_offline().await;
    assert!(matches!(town.ends().await, Err(RunError::Lost(_))));
    assert_eq!((town.fake.identified(), town.fake.connections()), (0, 0));
}

#[tokio::test]
async fn a_nearly_used_allowance_is_waited_out() {
    let town = Town::quiet().await;
    town.fake.leaves_sessions(50);
    let ended = async {
        let ended = town.ends().await;
        assert!(matches!(ended, Err(RunError::Lost(reason)) if reason.contains("same token")));
    };
    let waiting = async {
        town.until("the account to say why it waits", async |town| {
            matches!(town.discord.health(), AccountHealth::Degraded { reason } if reason.contains("50 more gateway sessions"))
        })
        .await;
        assert_eq!(town.fake.identified(), 0);
        town.advance(TimeDelta::hours(4));
    };
    tokio::join!(ended, waiting);
}

#[tokio::test]
async fn a_restart_does_not_forget_how_often_the_bot_presented_itself() {
    let mut town = Town::quiet().await;
    let now = town.account.context.clock.now();
    let ledger = json!({ "since": now - TimeDelta::hours(1), "used": 50, "last": now - TimeDelta::seconds(90) });
    town.account.context.state.put(&[StateEntry::new("identify", ledger)]).await.unwrap();
    let (waits, starts) = (town.fake.clone(), town.account.context.clock.clone());
    let soon = async {
        waits.until(|fake| fake.calls_to("GET /gateway/bot") == 1).await;
        assert_eq!(waits.identified(), 0);
        starts.advance(TimeDelta::seconds(30));
    };
    tokio::join!(town.start(), soon);
    assert_eq!(town.fake.identified(), 1);
}

#[tokio::test]
async fn compressed_frames_are_read() {
    let mut town = Town::quiet().await;
    town.fake.compresses(true);
    let ana = town.fake.person("Ana");
    town.start().await;
    ana.says("où ça ?");
    town.takes(&["où ça ?"]).await;
}

#[tokio::test]
async fn shards_present_themselves_one_after_the_other() {
    let mut town = Town::quiet().await;
    town.fake.advises_shards(2);
    let ana = town.fake.person("Ana");
    let (fake, clock) = (town.fake.clone(), town.account.context.clock.clone());
    let later = async {
        fake.until(|fake| fake.identified() == 1).await;
        clock.advance(TimeDelta::seconds(5));
    };
    tokio::join!(town.start(), later);
    assert_eq!(town.fake.identified(), 2);
    ana.says("bonjour");
    town.takes(&["bonjour"]).await;
    town.stop().await;
    town.fake.until(|fake| fake.connections() == 0).await;
}

#[tokio::test]
async fn only_what_is_needed_is_asked_for() {
    let town = Town::awake().await;
    // Guilds, guild messages, direct messages: neither message content nor members nor presences.
    assert_eq!(town.fake.intents(), 1 | 1 << 9 | 1 << 12);
}

#[tokio::test]
async fn among_others_only_what_is_addressed_to_the_bot_is_taken() {
    let town = Town::awake().await;
    let (guild, channel) = town.fake.guild("Trifouilly");
    let thread = town.fake.thread(guild);
    let ana = town.fake.person("Ana");
    let bot = town.fake.bot();
    ana.says_in(channel, "entre nous");
    ana.says_in(channel, &format!("<@{bot}> /aide"));
    ana.says_in(thread, &format!("dis, <@{bot}>, quand ?"));
    town.takes(&["/aide", "dis, , quand ?"]).await;
    let places: Vec<String> = town.account.inbox().await.into_iter().map(|event| event.conversation).collect();
    assert_eq!(places, [channel.to_string(), thread.to_string()]);
}

#[tokio::test]
async fn leaving_a_server_closes_its_channels() {
    let town = Town::awake().await;
    let (guild, channel) = town.fake.guild("Trifouilly");
    let (_, other) = town.fake.guild("Ailleurs");
    let ana = town.fake.person("Ana");
    let bot = town.fake.bot();
    ana.says_in(channel, &format!("<@{bot}> bonjour"));
    ana.says_in(other, &format!("<@{bot}> salut"));
    town.takes(&["bonjour", "salut"]).await;
    town.fake.removes_bot_from(guild);
    town.fake.deletes_channel(other);
    town.until("both channels to be closed", async |town| {
        let inbox = town.account.inbox().await;
        let closed: Vec<_> = inbox.iter().filter(|event| event.kind == InboundKind::Closed).collect();
        closed.iter().map(|event| event.conversation.clone()).eq([channel.to_string(), other.to_string()])
    })
    .await;
}
