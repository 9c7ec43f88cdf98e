//! What a visitor lives through: writing, reading, coming back, leaving.

use bot_core::adapter::{Adapter, InboundKind, RemoteIds, Verdict};
use bot_core::message::{Document, Text};
use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::json;

use crate::server::{Server, Visitor, request, seal};

fn action(byte: u8) -> bot_core::action::ActionPayload {
    bot_core::action::ActionPayload::new([byte]).unwrap()
}

fn texts(events: &[crate::server::StreamEvent]) -> Vec<String> {
    events.iter().map(|event| event.text().to_owned()).collect()
}

#[tokio::test]
async fn a_visitor_writes_presses_and_reads_the_answer() {
    let server = Server::start().await;
    let visitor = server.visitor().await;
    let mut stream = visitor.listens(0).await;
    assert_eq!(visitor.says("/start").await, 202);
    assert_eq!(visitor.posts(&json!({ "action": "AQ" })).await.status(), 202);

    let kinds: Vec<InboundKind> = server.account.inbox().await.into_iter().map(|event| event.kind).collect();
    let pressed = InboundKind::Action { token: bot_core::action::ActionToken("AQ".into()) };
    assert_eq!(kinds, [InboundKind::Opened, InboundKind::Text { text: "/start".to_owned().into() }, pressed]);

    assert_eq!(stream.next().await.unwrap().name, "ready");
    let question = Document::new()
        .paragraph(Text::new().plain("Quelle ").strong("halle").plain(" ?"))
        .choice("Couverte", action(1))
        .chosen("Ouverte", action(2));
    server.send(&visitor.conversation, 1, &question).await;
    let shown = stream.next().await.unwrap();
    assert_eq!((shown.name.as_str(), shown.id), ("message", Some(1)));
    assert_eq!(
        shown.data,
        json!({
            "id": "1",
            "at": "2026-09-01T08:00:00Z",
            "locale": "fr",
            "text": "Quelle halle ?",
            "blocks": [{ "block": "paragraph", "text": [{ "plain": "Quelle " }, { "strong": "halle" }, { "plain": " ?" }] }],
            "buttons": [
                { "label": "Couverte", "action": "AQ", "chosen": false, "step": false },
                { "label": "Ouverte", "action": "Ag", "chosen": true, "step": false },
            ],
        })
    );
}

#[tokio::test]
async fn a_stream_resumes_where_it_was_left() {
    let mut server = Server::start().await;
    let visitor = server.visitor().await;
    for number in 1..=120 {
        server.send(&visitor.conversation, number, &Document::says(format!("message {number}"))).await;
    }
    let mut stream = visitor.listens(70).await;
    for number in 71..=120 {
        assert_eq!(stream.next().await.unwrap().text(), format!("message {number}"));
    }
    server.stop().await;
    while let Some(event) = stream.next().await {
        assert_eq!(event.name, "ready", "the stream ends when the service stops");
    }
    server.send(&visitor.conversation, 121, &Document::says("pendant l'absence")).await;

    server.run().await;
    // The header is newer than the address that a browser repeats.
    let response = server
        .http
        .get(server.address("/webchat/events?after=3"))
        .bearer_auth(&visitor.token)
        .header("Last-Event-ID", "119")
        .send()
        .await
        .unwrap();
    let mut stream = crate::server::EventStream::of(response);
    assert_eq!(stream.next().await.unwrap().text(), "message 120");
    assert_eq!(stream.next().await.unwrap().text(), "pendant l'absence");
    assert_eq!(stream.next().await.unwrap().name, "ready");
}

#[tokio::test]
async fn nothing_is_missed_between_replay_and_live() {
    let server = Server::start().await;
    let visitor = server.visitor().await;
    let readers = join_all((0..4).map(async |_| {
        let mut stream = visitor.listens(0).await;
        let mut numbers = Vec::new();
        while numbers.len() < 60 {
            let event = stream.next().await.unwrap();
            numbers.extend(event.id);
        }
        numbers
    }));
    let writer = async {
        for number in 1..=60 {
            server.send(&visitor.conversation, number, &Document::says("encore")).await;
        }
    };
    let (seen, ()) = tokio::join!(readers, writer);
    for numbers in seen {
        assert_eq!(numbers, (1..=60).collect::<Vec<u64>>());
    }
}

#[tokio::test]
async fn the_same_part_sent_fifty_times_at_once_shows_one_message() {
    let server = Server::start().await;
    let visitor = server.visitor().await;
    let layout = server.webchat.render(&Document::says("une seule fois"), &visitor.conversation, &seal);
    let verdicts = join_all(
        (0..50).map(async |_| server.webchat.send(&request(&visitor.conversation, &layout.parts[0], 9, 0)).await),
    )
    .await;
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Sent(RemoteIds(vec!["1".into()]))));
    assert_eq!(texts(&visitor.sees().await), ["une seule fois"]);
}

#[tokio::test]
async fn an_edit_is_shown_where_the_message_was_and_leaves_nothing_of_it() {
    let server = Server::start().await;
    let visitor = server.visitor().await;
    let sent = server.send(&visitor.conversation, 1, &Document::says("avant")).await;
    server.send(&visitor.conversation, 2, &Document::says("ensuite")).await;
    let mut stream = visitor.listens(2).await;
    assert_eq!(stream.next().await.unwrap().name, "ready");

    for words in ["pendant", "après"] {
        let layout = server.webchat.render(&Document::says(words), &visitor.conversation, &seal);
        let edited = server.webchat.edit(&request(&visitor.conversation, &layout.parts[0], 3, 0), &sent[0]).await;
        assert_eq!(edited, Verdict::Sent(sent[0].clone()));
        let shown = stream.next().await.unwrap();
        assert_eq!((shown.name.as_str(), shown.data["id"].as_str(), shown.text()), ("edit", Some("1"), words));
    }
    let seen = visitor.sees().await;
    assert_eq!(texts(&seen), ["après", "ensuite"], "a reader who comes now sees the last words only");
    let state = server.account.context.state.list("log/", None, 100).await.unwrap();
    assert!(!format!("{state:?}").contains("avant") && !format!("{state:?}").contains("pendant"));
    assert_eq!(state.len(), 3, "one pointer to the last edit, however many there were");

    assert_eq!(server.webchat.delete(&visitor.conversation, &sent[0]).await, Verdict::Sent(()));
    assert_eq!(stream.next().await.unwrap().data, json!({ "id": "1" }));
    assert_eq!(texts(&visitor.sees().await), ["ensuite"]);
}

#[tokio::test]
async fn what_showed_a_choice_reads_as_erased_once_it_was_blanked() {
    let server = Server::start().await;
    let visitor = server.visitor().await;
    server.send_revealing(&visitor.conversation, 1, &Document::says("Votre choix : couverte"), Some("halle")).await;
    let sent = server.send(&visitor.conversation, 2, &Document::says("Merci")).await;
    // An edit that shows the choice is blanked like the message itself.
    let layout = server.webchat.render(&Document::says("Merci pour « couverte »"), &visitor.conversation, &seal);
    let edit = bot_core::adapter::SendRequest {
        reveals: Some("halle"),
        ..request(&visitor.conversation, &layout.parts[0], 3, 0)
    };
    server.webchat.edit(&edit, &sent[0]).await;

    server.account.blank("halle").await;
    let state = server.account.context.state.list("", None, 1000).await.unwrap();
    assert!(!format!("{state:?}").contains("couverte"), "nothing shows the choice any more");
    let seen = visitor.sees().await;
    assert_eq!(seen[0].data["erased"], true);
    assert!(seen[0].text().contains("effacé à la clôture") && seen[0].text().contains("erased at closing"));
    assert_eq!(seen[1].data["id"], "2");

    let layout = server.webchat.render(&Document::says("Consultation close"), &visitor.conversation, &seal);
    server.webchat.edit(&request(&visitor.conversation, &layout.parts[0], 4, 0), &sent[0]).await;
    assert!(texts(&visitor.sees().await).contains(&"Consultation close".to_owned()), "it can be given new words");
}

/// Somebody erased themselves: what they were shown is gone, and what comes next reaches the page that is open.
#[tokio::test]
async fn after_an_erasure_the_numbers_go_on() {
    let server = Server::start().await;
    let visitor = server.visitor().await;
    server.send(&visitor.conversation, 1, &Document::says("un")).await;
    server.send(&visitor.conversation, 2, &Document::says("deux")).await;
    let mut stream = visitor.listens(2).await;
    assert_eq!(stream.next().await.unwrap().name, "ready");
    server.account.erase(visitor.conversation.platform_ref.expose()).await;
    server.send(&visitor.conversation, 3, &Document::says("au revoir")).await;
    assert_eq!(stream.next().await.unwrap().text(), "au revoir");
    assert_eq!(texts(&visitor.sees().await), ["au revoir"]);
}

#[tokio::test]
async fn a_visitor_who_leaves_takes_everything_along() {
    let server = Server::start().await;
    let visitor = server.visitor().await;
    let stays = server.visitor().await;
    server.send(&visitor.conversation, 1, &Document::says("bonjour")).await;
    server.send(&stays.conversation, 2, &Document::says("bonjour")).await;
    let mut stream = visitor.listens(1).await;
    assert_eq!(stream.next().await.unwrap().name, "ready");

    let current = server.address("/webchat/sessions/current");
    let left = server.http.delete(&current).bearer_auth(&visitor.token).send().await.unwrap();
    assert_eq!(left.status(), 204);
    assert!(stream.next().await.is_none(), "its streams end");
    assert_eq!(visitor.gets("/webchat/events").await.status(), 401);
    assert_eq!(server.account.inbox().await.last().unwrap().kind, InboundKind::Closed);
    let state = server.account.context.state.list("", None, 1000).await.unwrap();
    let session = visitor.conversation.platform_ref.expose();
    assert!(!format!("{state:?}").contains(session.as_str()));

    let layout = server.webchat.render(&Document::says("trop tard"), &visitor.conversation, &seal);
    let verdict = server.webchat.send(&request(&visitor.conversation, &layout.parts[0], 3, 0)).await;
    assert!(matches!(verdict, Verdict::RecipientStopped { .. }));
    assert_eq!(texts(&stays.sees().await), ["bonjour"]);
}

#[tokio::test]
async fn a_session_nobody_visits_ends_by_itself() {
    let mut server = Server::start().await;
    let visitor: Visitor = server.visitor().await;
    server.send(&visitor.conversation, 1, &Document::says("bonjour")).await;
    server.clock.advance(TimeDelta::days(181));
    assert_eq!(visitor.says("toujours là").await, 401);
    while server.account.inbox().await.last().unwrap().kind != InboundKind::Closed {
        tokio::task::yield_now().await;
    }
    server.stop().await;
    let mut left = server.account.context.state.list("", None, 10).await.unwrap();
    if !left.is_empty() {
        // The stop came between the event and the removal: the next start ends it.
        server.run().await;
        while !left.is_empty() {
            left = server.account.context.state.list("", None, 10).await.unwrap();
        }
    }
    let closed = server.account.inbox().await.into_iter().filter(|event| event.kind == InboundKind::Closed).count();
    assert_eq!(closed, 1);
}

#[tokio::test]
async fn a_picture_is_for_those_who_were_shown_it() {
    let server = Server::start().await;
    let (shown, other) = (server.visitor().await, server.visitor().await);
    let chart = server.account.store_media("image/png", "resultats.png", b"not really a chart").await;
    let export = server.account.store_media("text/html", "mes données.html", b"<script>alert(1)</script>").await;
    let document = Document::new().figure(chart.hash, "Couverte : 12 voix").file(export.hash, "Mes données");
    let sent = server.send(&shown.conversation, 1, &document).await;

    let seen = shown.sees().await;
    assert_eq!(seen[0].data["picture"]["alternative"], "Couverte : 12 voix");
    let picture = format!("/{}", seen[0].data["picture"]["url"].as_str().unwrap());
    let response = shown.gets(&picture).await;
    assert_eq!((response.status().as_u16(), &response.headers()["content-type"]), (200, &"image/png".parse().unwrap()));
    assert_eq!(response.bytes().await.unwrap(), chart.content);
    assert_eq!(other.gets(&picture).await.status(), 404);

    let file = shown.gets(&format!("/{}", seen[1].data["file"]["url"].as_str().unwrap())).await;
    assert_eq!(file.headers()["content-type"], "application/octet-stream", "nothing opens in the page's own name");
    assert_eq!(file.headers()["content-disposition"], "attachment; filename*=UTF-8''mes%20donn%C3%A9es.html");

    assert_eq!(server.webchat.delete(&shown.conversation, &sent[0]).await, Verdict::Sent(()));
    assert_eq!(shown.gets(&picture).await.status(), 404, "a message that was removed shows nothing");
}
