//! Native polls: made, closed, counted.

use bot_core::adapter::{Adapter, ConversationKind, PollCounts, Verdict};
use bot_core::message::{Document, Poll};

use crate::town::{Town, place, request};

fn poll(options: usize, multiple: bool) -> Document {
    let options = (0..options).map(|number| format!("Jour {number}")).collect();
    Document::new().poll(Poll { question: "Quel jour ?".to_owned(), options, multiple })
}

#[tokio::test]
async fn a_poll_is_counted_before_and_after_discord_has_counted() {
    let town = Town::quiet().await;
    let (_, channel) = town.fake.guild("Trifouilly");
    let here = place(ConversationKind::Channel, channel);
    let Verdict::Sent(ids) = town.send(&here, &poll(3, false), 1).await else { panic!("it was sent") };
    let message = town.fake.sent_to(channel)[0].id;
    assert_eq!(town.fake.sent_to(channel)[0].question.as_deref(), Some("Quel jour ?"));
    // More than Discord names at once.
    for number in 0..130 {
        town.fake.person("Ana").votes(channel, message, usize::from(number % 13 == 0) * 2);
    }
    let counted = Verdict::Sent(PollCounts { options: vec![120, 0, 10], voters: Some(130) });
    assert_eq!(town.discord.close_poll(&here, &ids).await, counted, "its own figures may lag: the voters are listed");
    town.fake.finishes_counting(channel, message);
    let listed = town.fake.calls_to("GET /channels/*/polls/*/answers/*");
    assert!(listed >= 4);
    assert_eq!(town.discord.close_poll(&here, &ids).await, counted, "closed already, it is only counted");
    assert_eq!(town.fake.calls_to("GET /channels/*/polls/*/answers/*"), listed);
}

#[tokio::test]
async fn several_answers_are_one_voter() {
    let town = Town::quiet().await;
    let (_, channel) = town.fake.guild("Trifouilly");
    let here = place(ConversationKind::Channel, channel);
    let Verdict::Sent(ids) = town.send(&here, &poll(3, true), 1).await else { panic!("it was sent") };
    let message = town.fake.sent_to(channel)[0].id;
    let (ana, bruno) = (town.fake.person("Ana"), town.fake.person("Bruno"));
    ana.votes(channel, message, 0);
    ana.votes(channel, message, 1);
    bruno.votes(channel, message, 1);
    town.fake.lets_poll_expire(channel, message);
    town.fake.finishes_counting(channel, message);
    let counted = Verdict::Sent(PollCounts { options: vec![1, 2, 0], voters: Some(2) });
    assert_eq!(town.discord.close_poll(&here, &ids).await, counted);
}

#[tokio::test]
async fn what_is_no_poll_is_not_counted_and_a_poll_not_changed() {
    let town = Town::quiet().await;
    let (_, channel) = town.fake.guild("Trifouilly");
    let here = place(ConversationKind::Channel, channel);
    let Verdict::Sent(text) = town.send(&here, &Document::says("Bonjour."), 1).await else { panic!("it was sent") };
    assert!(matches!(town.discord.close_poll(&here, &text).await, Verdict::Rejected { .. }));
    let Verdict::Sent(ids) = town.send(&here, &poll(10, false), 2).await else { panic!("it was sent") };
    let layout = town.layout(&here, &poll(2, false));
    let edited = town.discord.edit(&request(&here, &layout.parts[0], 3), &ids).await;
    assert!(matches!(edited, Verdict::Rejected { .. }));
    // One option more than Discord takes: words instead.
    assert!(matches!(town.send(&here, &poll(11, false), 4).await, Verdict::Sent(_)));
    assert!(town.fake.sent_to(channel)[2].content.contains("• Jour 10"));
}
