//! Who speaks, where, and what becomes of chats.

use bot_core::adapter::{Adapter, ConversationKind, ConversationRef, InboundKind, Verdict};
use bot_core::message::Document;
use fake_telegram::Fault;

use crate::stand::{Stand, direct, eventually, group, send, sent};

const GROUP: i64 = -55;

#[tokio::test]
async fn blocking_closes_and_unblocking_opens() {
    let stand = Stand::new().await;
    let running = stand.start();
    let zoe = stand.fake.person(42);
    zoe.says("bonjour");
    zoe.blocks();
    zoe.unblocks();
    let kinds: Vec<InboundKind> = stand.events(3).await.into_iter().map(|event| event.kind).collect();
    assert!(matches!(&kinds[..], [InboundKind::Text { .. }, InboundKind::Closed, InboundKind::Opened]), "{kinds:?}");
    assert_eq!(stand.account.addresses().await, ["42"]);

    let adapter = &running.adapter;
    zoe.blocks();
    let told = send(adapter, &direct(42), &Document::says("coucou")).await;
    assert!(matches!(&told, Verdict::RecipientStopped { reason } if reason.contains("blocked")), "{told:?}");
    zoe.unblocks();
    zoe.disappears();
    let told = send(adapter, &direct(42), &Document::says("coucou")).await;
    assert!(matches!(&told, Verdict::RecipientStopped { reason } if reason.contains("gone")), "{told:?}");
    let told = send(adapter, &direct(43), &Document::says("coucou")).await;
    assert!(matches!(told, Verdict::RecipientStopped { .. }), "nobody knows them: {told:?}");
    stand.fake.person(44);
    let told = send(adapter, &direct(44), &Document::says("coucou")).await;
    assert!(matches!(&told, Verdict::RecipientStopped { reason } if reason.contains("link")), "{told:?}");
}

#[tokio::test]
async fn a_link_carries_its_payload() {
    let stand = Stand::new().await;
    let adapter = stand.adapter();
    assert_eq!(adapter.private_link(Some("vote-AB_12")), None, "nobody has asked who we are yet");
    let _running = stand.run(adapter.clone());
    stand.fake.person(42).speaks("en-GB").starts("vote-AB_12");
    stand.takes(&["/start vote-AB_12"]).await;
    let link = adapter.private_link(Some("vote-AB_12")).unwrap();
    assert_eq!(link.url, "https://t.me/TrifouillyBot?start=vote-AB_12");
    assert!(link.carries_payload);
    assert_eq!(adapter.private_link(None).unwrap().url, "https://t.me/TrifouillyBot");
}

#[tokio::test]
async fn in_a_group_only_persons_who_speak_to_us_are_heard() {
    let stand = Stand::new().await;
    let _running = stand.start();
    let club = stand.fake.supergroup(GROUP);
    stand.fake.set_group_rights(true, true);
    let zoe = stand.fake.person(42);
    club.adds_the_bot(42);
    zoe.says_in(GROUP, "parlons d'autre chose");
    zoe.says_in(GROUP, "/vote@OtherBot 1");
    zoe.says_anonymously(GROUP, "/vote 1");
    zoe.says_in(GROUP, "/vote@TrifouillyBot 2");
    club.kicks_the_bot(42);
    let events = stand.events(3).await;
    assert_eq!(events[0].kind, InboundKind::Opened);
    assert_eq!(events[1].kind, InboundKind::Text { text: "/vote 2".to_owned().into() });
    assert_eq!(events[2].kind, InboundKind::Closed);
    assert!(events.iter().all(|event| event.conversation == GROUP.to_string()));
    assert_eq!(stand.account.addresses().await, ["42"], "whoever adds or removes the bot is nobody we keep");
}

#[tokio::test]
async fn administrators_moderate() {
    let stand = Stand::new().await;
    let adapter = stand.adapter();
    stand.fake.supergroup(GROUP).promotes(42);
    stand.fake.person(43).has_started();
    let group = ConversationRef { kind: ConversationKind::Group, platform_ref: GROUP.to_string().into() };
    let moderates = async |person: &str| {
        adapter.moderates(&group, &bot_core::Address::new(bot_core::Platform::new("telegram"), person)).await
    };
    assert_eq!(moderates("42").await, Verdict::Sent(true));
    assert_eq!(moderates("43").await, Verdict::Sent(false));
    assert!(!matches!(moderates("44").await, Verdict::Sent(_)), "nobody the server knows");
}

#[tokio::test]
async fn a_topic_is_answered_in_its_place() {
    let stand = Stand::new().await;
    let running = stand.start();
    stand.fake.forum(GROUP);
    stand.fake.person(42).says_in_topic(GROUP, 7, "/aide");
    let events = stand.events(1).await;
    assert_eq!(events[0].conversation, format!("{GROUP}/7"));
    let topic = bot_core::adapter::ConversationRef {
        kind: ConversationKind::Thread,
        platform_ref: events[0].conversation.clone().into(),
    };
    assert!(!running.adapter.capabilities(&topic).private);
    sent(send(&running.adapter, &topic, &Document::says("voici")).await);
    assert_eq!(stand.fake.seen(GROUP)[0].message["message_thread_id"], 7);
    let elsewhere = stand.fake.supergroup(-66);
    let lost = bot_core::adapter::ConversationRef {
        kind: ConversationKind::Thread,
        platform_ref: format!("{}/7", elsewhere.id()).into(),
    };
    assert!(matches!(send(&running.adapter, &lost, &Document::says("?")).await, Verdict::Rejected { .. }));
}

#[tokio::test]
async fn a_group_that_moves_is_followed_from_both_sides() {
    let stand = Stand::new().await;
    let running = stand.start();
    let old = stand.fake.group(GROUP);
    stand.fake.person(42).says_in(GROUP, "/aide");
    stand.events(1).await;
    let new = old.migrates();
    // Both chats tell it; it is one event, of the old conversation.
    stand.fake.person(42).says_in(new.id(), "/aide");
    let events = stand.events(3).await;
    assert_eq!(events[1].kind, InboundKind::Moved { to_platform_ref: new.id().to_string().into() });
    assert_eq!(events[1].conversation, GROUP.to_string());
    let told = send(&running.adapter, &group(GROUP), &Document::says("coucou")).await;
    assert_eq!(told, Verdict::Moved { to: group(new.id()) });
    sent(send(&running.adapter, &group(new.id()), &Document::says("coucou")).await);
}

#[tokio::test]
async fn a_group_that_removed_us_is_closed_to_us() {
    let stand = Stand::new().await;
    let running = stand.start();
    for (chat, handle) in [(-1, stand.fake.group(-1)), (-2, stand.fake.supergroup(-2)), (-3, stand.fake.channel(-3))] {
        handle.adds_the_bot(42);
        sent(send(&running.adapter, &group(chat), &Document::says("coucou")).await);
        handle.kicks_the_bot(42);
        let told = send(&running.adapter, &group(chat), &Document::says("coucou")).await;
        assert!(matches!(told, Verdict::RecipientStopped { .. }), "{told:?}");
    }
    eventually("the events", async || stand.account.inbox().await.len() == 6).await;
    assert!(stand.account.addresses().await.is_empty());
    // No right to write is not the end of the group.
    stand.fake.group(-4);
    let description = "Bad Request: have no rights to send a message".to_owned();
    stand.fake.fail_next("sendMessage", Fault::Refused { code: 400, description });
    let told = send(&running.adapter, &group(-4), &Document::says("coucou")).await;
    assert!(matches!(&told, Verdict::Rejected { reason } if reason.contains("right")), "{told:?}");
}
