//! The table of cases. Each runs on a stage of its own, with the adapter running.

use futures::future::BoxFuture;

use super::Outcome;
use super::bench::{Fault, Heard, Provoked};
use super::database::DatabaseFault;
use super::stage::{Checked, Stage, first, letters, request, seal, within, words};
use crate::action::ActionPayload;
use crate::adapter::{AccountHealth, Acknowledgement, InboundKind, RemoteIds, Verdict};
use crate::ids::Address;
use crate::message::{Document, Poll, Table, Text, Warning};

struct Case {
    name: &'static str,
    check: Check,
}

type BehaviourCheck = for<'s> fn(&'s Stage) -> BoxFuture<'s, Checked>;
type FaultCheck = for<'s> fn(&'s Stage, Fault) -> BoxFuture<'s, Result<Outcome, String>>;

enum Check {
    Behaviour(BehaviourCheck),
    /// Once for each fault of a platform.
    EachFault(FaultCheck),
}

/// One line of the table as it is run.
pub(super) enum Run {
    Behaviour(BehaviourCheck),
    OneFault(FaultCheck, Fault),
}

/// Every run with its name, in the order of the table.
pub(super) fn runs() -> impl Iterator<Item = (String, Run)> {
    CASES.iter().flat_map(|case| match case.check {
        Check::Behaviour(check) => vec![(case.name.to_owned(), Run::Behaviour(check))],
        Check::EachFault(check) => {
            let one = |fault| (format!("{} {fault:?}", case.name), Run::OneFault(check, fault));
            Fault::ALL.into_iter().map(one).collect()
        }
    })
}

macro_rules! table {
    ($($name:literal => $kind:ident($check:ident $(, $fault:ident)?),)+) => {
        const CASES: &[Case] = &[$(
            Case { name: $name, check: Check::$kind(|stage $(, $fault)?| Box::pin($check(stage $(, $fault)?))) },
        )+];
    };
}

table! {
    "every fault has its verdict:" => EachFault(verdict, fault),
    "parts arrive in order" => Behaviour(order_of_parts),
    "a repeated send shows once" => Behaviour(repeated_send),
    "an edit changes a message in its place" => Behaviour(edit_in_place),
    "a deleted message is gone, also the second time" => Behaviour(delete),
    "a long text is split within the limits and nothing is lost" => Behaviour(long_text),
    "what cannot be shown is said in words" => Behaviour(unsupported_part),
    "choices are buttons or numbers" => Behaviour(numbered_choices),
    "rendering is pure" => Behaviour(pure_render),
    "a press brings back the button's token" => Behaviour(press),
    "the direct conversation is found by its address" => Behaviour(open_direct),
    "a native poll is closed and counted, also the second time" => Behaviour(poll),
    "setting up is examined step by step" => Behaviour(examined),
    "a private link can be followed" => Behaviour(private_link),
    "events arrive in order" => Behaviour(arrival_order),
    "a repeated event is taken once" => Behaviour(repeated_event),
    "nothing is acknowledged before it is in the inbox" => Behaviour(inbox_first),
    "nothing said while it was stopped is lost" => Behaviour(reconnect),
    "it stops promptly and can run again" => Behaviour(stop_in_the_middle),
}

/// Which verdict each fault must be answered with.
fn expected(fault: Fault) -> &'static str {
    match fault {
        Fault::Throttled => "Throttled",
        Fault::NotWritten => "Retry",
        Fault::LostReply => "Unknown",
        Fault::Moved => "Moved",
        Fault::RecipientStopped => "RecipientStopped",
        Fault::Rejected => "Rejected",
        Fault::AccountDead => "AccountDead",
    }
}

fn name<T>(verdict: &Verdict<T>) -> &'static str {
    match verdict {
        Verdict::Sent(_) => "Sent",
        Verdict::Throttled { .. } => "Throttled",
        Verdict::Retry { .. } => "Retry",
        Verdict::Unknown { .. } => "Unknown",
        Verdict::Moved { .. } => "Moved",
        Verdict::RecipientStopped { .. } => "RecipientStopped",
        Verdict::Rejected { .. } => "Rejected",
        Verdict::AccountDead { .. } => "AccountDead",
    }
}

async fn verdict(stage: &Stage, fault: Fault) -> Result<Outcome, String> {
    let document = Document::says("Le marché ouvre à huit heures.");
    let layout = stage.render(&document).await?;
    let part = first(&layout)?;
    if let Provoked::Impossible(why) = stage.bench.provoke(fault).await {
        return Ok(Outcome::Impossible(why));
    }
    let answer = stage.send(part, 1, 0).await?;
    if name(&answer) != expected(fault) {
        return Err(format!("expected {}, but `send` answered {answer:?}", expected(fault)));
    }
    match (&answer, fault) {
        (Verdict::Throttled { after, .. }, _) if *after <= chrono::TimeDelta::zero() => {
            return Err("a throttle must say how long to wait".into());
        }
        (Verdict::Moved { to }, _) if *to == stage.conversation().await? => {
            return Err("it moved to where it was".into());
        }
        _ => {}
    }
    stage.bench.recover().await;
    let shown = |count: usize| move |seen: &[super::Seen]| seen.len() == count;
    match fault {
        // Nothing was written: the next try is the first.
        Fault::NotWritten => {
            stage.sees("nothing yet", shown(0)).await?;
            expect_sent(stage.send(part, 1, 0).await?)?;
            stage.sees("one message", shown(1)).await?;
        }
        // Inside the window the next try finds what the first may have written.
        Fault::LostReply if stage.adapter().await.idempotent_for() > chrono::TimeDelta::zero() => {
            expect_sent(stage.send(part, 1, 0).await?)?;
            stage.sees("one message", shown(1)).await?;
        }
        _ => {}
    }
    Ok(Outcome::Passed)
}

fn expect_sent<T: std::fmt::Debug>(verdict: Verdict<T>) -> Result<T, String> {
    match verdict {
        Verdict::Sent(sent) => Ok(sent),
        other => Err(format!("expected Sent, got {other:?}")),
    }
}

async fn order_of_parts(stage: &Stage) -> Checked {
    for number in 1..=6u128 {
        stage.send_all(&Document::says(format!("message {number}")), number).await?;
    }
    stage
        .sees("six messages in order", |seen| {
            seen.len() == 6 && seen.iter().zip(1..).all(|(seen, number)| seen.text.contains(&number.to_string()))
        })
        .await
}

async fn repeated_send(stage: &Stage) -> Checked {
    if stage.adapter().await.idempotent_for() <= chrono::TimeDelta::zero() {
        // The platform recognises nothing, and the outbox knows it: there is no promise to hold.
        return Ok(());
    }
    let layout = stage.render(&Document::says("une seule fois")).await?;
    let part = first(&layout)?;
    let before = expect_sent(stage.send(part, 1, 0).await?)?;
    let again = expect_sent(stage.send(part, 1, 0).await?)?;
    if before != again {
        return Err(format!("the second send names another message: {before:?}, then {again:?}"));
    }
    // After a restart too: the process that sent first may be the one that died.
    stage.restart().await?;
    expect_sent(stage.send(part, 1, 0).await?)?;
    expect_sent(stage.send(part, 2, 0).await?)?;
    stage.sees("the message once for each of two keys", |seen| seen.len() == 2).await
}

async fn edit_in_place(stage: &Stage) -> Checked {
    if !stage.adapter().await.capabilities(&stage.conversation().await?).edits {
        return Ok(());
    }
    let sent = stage.send_all(&Document::says("avant"), 1).await?;
    stage.send_all(&Document::says("ensuite"), 2).await?;
    let layout = stage.render(&Document::says("après")).await?;
    let conversation = stage.conversation().await?;
    let edit = request(&conversation, first(&layout)?, 3, 0);
    // The second time nothing changes: that is done, too.
    for _ in 0..2 {
        expect_sent(within("`edit`", stage.adapter().await.edit(&edit, &sent[0])).await?)?;
    }
    stage
        .sees(
            "the edited message before the other",
            |seen| matches!(seen, [one, other] if one.text.contains("après") && other.text.contains("ensuite")),
        )
        .await
}

async fn delete(stage: &Stage) -> Checked {
    let sent = stage.send_all(&Document::says("de trop"), 1).await?;
    stage.send_all(&Document::says("utile"), 2).await?;
    let conversation = stage.conversation().await?;
    for _ in 0..2 {
        expect_sent(within("`delete`", stage.adapter().await.delete(&conversation, &sent[0])).await?)?;
    }
    stage.sees("only the other message", |seen| matches!(seen, [other] if other.text.contains("utile"))).await
}

async fn long_text(stage: &Stage) -> Checked {
    let capabilities = stage.adapter().await.capabilities(&stage.conversation().await?);
    let sentences = capabilities.text_units_max / 8;
    let long: String = (0..sentences).map(|number| format!("Phrase {number} avec « accents » 🏛. ")).collect();
    let rows = (0..40).map(|number| vec![format!("choix {number}"), "é".repeat(capabilities.text_units_max / 20)]);
    let table = Table { header: vec!["Choix".into(), "Voix".into()], rows: rows.collect() };
    let document = Document::says(long.as_str()).table(table);
    let layout = stage.render(&document).await?;
    if !layout.warnings.contains(&Warning::TextWasSplit) {
        return Err("splitting a text must be recorded as a warning".into());
    }
    let unit = capabilities.text_unit;
    if let Some(part) = layout.parts.iter().find(|part| unit.measure(&words(part)) > capabilities.text_units_max) {
        let (measured, max) = (unit.measure(&words(part)), capabilities.text_units_max);
        return Err(format!("a part of {measured} is longer than the limit of {max}"));
    }
    stage.send_all(&document, 1).await?;
    let said = letters(&long);
    stage
        .sees("every word of the long text", |seen| {
            letters(&seen.iter().map(|seen| seen.text.as_str()).collect::<String>()).contains(&said)
        })
        .await?;
    stage.sees("the last row of the table", |seen| seen.iter().any(|seen| seen.text.contains("choix 39"))).await
}

async fn unsupported_part(stage: &Stage) -> Checked {
    let capabilities = stage.adapter().await.capabilities(&stage.conversation().await?);
    let picture = stage.account.store_media("image/png", "resultats.png", PICTURE).await;
    let file = stage.account.store_media("application/json", "donnees.json", b"{\"voix\":12}").await;
    let document = Document::says("Les résultats")
        .figure(picture.hash, "Halle couverte : douze voix")
        .file(file.hash, "Toutes les données");
    let layout = stage.render(&document).await?;
    for (shown, warning) in
        [(capabilities.pictures, Warning::PictureBecameWords), (capabilities.files, Warning::FileLeftOut)]
    {
        if shown == layout.warnings.contains(&warning) {
            return Err(format!("{warning:?} must be recorded exactly when it happened"));
        }
    }
    stage.send_all(&document, 1).await?;
    let all = ["résultats", "Halle couverte : douze voix", "Toutes les données"];
    stage
        .sees("the text, the picture's words and the file's label", |seen| {
            let text: String = seen.iter().map(|seen| seen.text.as_str()).collect();
            all.iter().all(|words| text.contains(words))
        })
        .await
}

async fn numbered_choices(stage: &Stage) -> Checked {
    let capabilities = stage.adapter().await.capabilities(&stage.conversation().await?);
    let ask = |count: usize| {
        (0..count).fold(Document::says("Quel jour ?"), |document, number| {
            document.choice(format!("Jour {number}"), action(u8::try_from(number).unwrap_or_default()))
        })
    };
    if capabilities.buttons.is_some() {
        stage.send_all(&ask(2), 1).await?;
        stage
            .sees("two buttons", |seen| {
                seen.last().is_some_and(|seen| {
                    seen.buttons.iter().map(|button| button.token.clone()).eq([seal(&action(0)), seal(&action(1))])
                })
            })
            .await?;
    }
    let too_many = capabilities.buttons.map_or(0, |limits| limits.count_max) + 2;
    let layout = stage.render(&ask(too_many)).await?;
    if !layout.numbered || layout.tokens.len() != too_many {
        return Err(format!("{too_many} choices must become numbers with a token each"));
    }
    stage.send_all(&ask(too_many), 2).await?;
    let last_line = format!("{too_many}. Jour {}", too_many - 1);
    stage
        .sees("a numbered line for each choice", |seen| {
            seen.iter().any(|seen| seen.text.contains("1. Jour 0"))
                && seen.last().is_some_and(|seen| seen.text.contains(&last_line) && seen.buttons.is_empty())
        })
        .await
}

async fn pure_render(stage: &Stage) -> Checked {
    let document = Document::new()
        .heading("Marché couvert")
        .paragraph(Text::new().plain("Quelle ").strong("halle").plain(" ? ").link("le projet", "https://example.org"))
        .list(["une", "deux"])
        .choice("Couverte", action(1))
        .chosen("Ouverte", action(2))
        .step("Retour", action(3));
    let bytes = async || -> Result<Vec<u8>, String> {
        serde_json::to_vec(&stage.render(&document).await?).map_err(|error| error.to_string())
    };
    let before = bytes().await?;
    stage.account.context.clock.advance(chrono::TimeDelta::days(1));
    stage.restart().await?;
    if bytes().await? == before { Ok(()) } else { Err("the same document gave other bytes".into()) }
}

async fn press(stage: &Stage) -> Checked {
    if stage.adapter().await.capabilities(&stage.conversation().await?).buttons.is_none() {
        return Ok(());
    }
    stage.send_all(&Document::says("Quelle halle ?").choice("Couverte", action(1)), 1).await?;
    stage.sees("a button", |seen| seen.iter().any(|seen| !seen.buttons.is_empty())).await?;
    let token = seal(&action(1));
    if stage.bench.presses(&token).await == Heard::Refused {
        return Err("the press was refused".into());
    }
    let pressed = async {
        loop {
            let inbox = stage.account.inbox().await;
            if let Some(event) =
                inbox.into_iter().find(|event| event.kind == (InboundKind::Action { token: token.clone() }))
            {
                return event;
            }
            tokio::task::yield_now().await;
        }
    };
    let event = within("the press to arrive in the inbox", pressed).await?;
    if event.conversation != *stage.conversation().await?.platform_ref.expose() {
        return Err("the press arrived in another conversation".into());
    }
    if let Some(token) = &event.acknowledgement {
        let adapter = stage.adapter().await;
        let acknowledged = within("`acknowledge`", adapter.acknowledge(token, Acknowledgement::Handled)).await?;
        expect_sent(acknowledged)?;
    }
    Ok(())
}

async fn open_direct(stage: &Stage) -> Checked {
    stage.says_taken("bonjour").await?;
    let addresses = stage.account.addresses().await;
    let [path] = addresses.as_slice() else { return Err(format!("one person spoke, {} are known", addresses.len())) };
    let address = Address::new(stage.account.platform.clone(), path.clone());
    let found = expect_sent(within("`open_direct`", stage.adapter().await.open_direct(&address)).await?)?;
    if found == stage.conversation().await? { Ok(()) } else { Err("it led to another conversation".into()) }
}

async fn poll(stage: &Stage) -> Checked {
    let adapter = stage.adapter().await;
    let conversation = stage.conversation().await?;
    if adapter.capabilities(&conversation).polls.is_none() {
        return match adapter.close_poll(&conversation, &RemoteIds(vec!["none".to_owned()])).await {
            Verdict::Rejected { .. } => Ok(()),
            verdict => Err(format!("there are no polls, but closing one was answered with {verdict:?}")),
        };
    }
    let options = vec!["Samedi".to_owned(), "Dimanche".to_owned(), "Ni l’un ni l’autre".to_owned()];
    let poll = Poll { question: "Quel jour pour le marché ?".to_owned(), options, multiple: false };
    let sent = stage.send_all(&Document::new().poll(poll), 1).await?;
    let [sent] = sent.as_slice() else { return Err(format!("a poll should be one part, not {}", sent.len())) };
    stage
        .sees("the poll and its options", |seen| {
            seen.iter().any(|seen| {
                ["Quel jour", "Samedi", "Dimanche", "Ni l’un"].iter().all(|words| seen.text.contains(words))
            })
        })
        .await?;
    if !stage.bench.votes(1).await {
        return Err("the adapter has polls, but its bench cannot vote".into());
    }
    for time in ["closing", "closing a second time"] {
        match within("`close_poll`", adapter.close_poll(&conversation, sent)).await? {
            Verdict::Sent(counts) if counts.options == [0, 1, 0] => {}
            verdict => return Err(format!("{time} should count one vote for the second option, not {verdict:?}")),
        }
    }
    Ok(())
}

async fn examined(stage: &Stage) -> Checked {
    let findings = within("`examine`", stage.adapter().await.examine()).await?;
    match findings.iter().find(|finding| !finding.ok || finding.remedy.is_some()) {
        Some(finding) => Err(format!("on a platform where all is well it finds {finding:?}")),
        None => Ok(()),
    }
}

async fn private_link(stage: &Stage) -> Checked {
    let adapter = stage.adapter().await;
    for payload in [None, Some("repondre-place-du-marche")] {
        let Some(link) = adapter.private_link(payload) else { continue };
        if !link.url.starts_with("https://") || link.url.contains(char::is_whitespace) {
            return Err(format!("{} is not a link that can be followed", link.url));
        }
        if let Some(payload) = payload.filter(|_| link.carries_payload)
            && !link.url.contains(payload)
        {
            return Err(format!("{} should carry {payload}", link.url));
        }
    }
    Ok(())
}

async fn arrival_order(stage: &Stage) -> Checked {
    let texts: Vec<String> = (0..12).map(|number| format!("message {number}")).collect();
    for text in &texts {
        if stage.bench.says(text).await == Heard::Refused {
            return Err(format!("`{text}` was refused"));
        }
    }
    stage.takes(&texts).await
}

async fn repeated_event(stage: &Stage) -> Checked {
    stage.says_taken("une fois").await?;
    stage.bench.repeats().await;
    stage.bench.says("deux fois").await;
    // What comes after has arrived: so has the repetition.
    stage.takes(&["une fois".to_owned(), "deux fois".to_owned()]).await
}

async fn inbox_first(stage: &Stage) -> Checked {
    stage.says_taken("avant").await?;
    stage.account.break_down(DatabaseFault::InboxRefuses).await;
    let heard = stage.bench.says("pendant").await;
    let refused = async {
        while !stage.account.inbox_has_refused().await {
            tokio::task::yield_now().await;
        }
    };
    within("the adapter to hand the event over", refused).await?;
    stage.account.mend().await;
    stage.restart().await?;
    let mut texts = vec!["avant".to_owned()];
    texts.extend((heard == Heard::Yes).then(|| "pendant".to_owned()));
    stage.takes(&texts).await?;
    stage.says_taken("après").await
}

async fn reconnect(stage: &Stage) -> Checked {
    stage.says_taken("avant").await?;
    stage.stop().await?;
    let mut texts = vec!["avant".to_owned()];
    for number in 0..3 {
        let text = format!("pendant {number}");
        if stage.bench.says(&text).await == Heard::Yes {
            texts.push(text);
        }
    }
    stage.restart().await?;
    stage.takes(&texts).await?;
    stage.says_taken("après").await
}

async fn stop_in_the_middle(stage: &Stage) -> Checked {
    for round in 0..3 {
        stage.says_taken(&format!("bonjour {round}")).await?;
        if stage.adapter().await.health() != AccountHealth::Ready {
            return Err(format!("it works but reports {:?}", stage.adapter().await.health()));
        }
        stage.stop().await?;
        stage.run().await;
    }
    Ok(())
}

impl Stage {
    /// The person writes while all is well: it must be taken, after what was taken before.
    async fn says_taken(&self, text: &str) -> Checked {
        let mut texts = self.account.texts().await;
        // A service that only just starts may ask for patience.
        let heard = async {
            while self.bench.says(text).await == Heard::Refused {
                tokio::task::yield_now().await;
            }
        };
        within("the person to be heard", heard).await?;
        texts.push(text.to_owned());
        self.takes(&texts).await
    }
}

fn action(byte: u8) -> ActionPayload {
    // One byte is less than the limit.
    ActionPayload::new([byte]).unwrap_or_else(|error| panic!("{error}"))
}

/// A transparent pixel (PNG).
const PICTURE: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00, 0x00, 0x1f, 0x15, 0xc4, 0x89, 0x00, 0x00, 0x00, 0x0b, 0x49,
    0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x60, 0x00, 0x02, 0x00, 0x00, 0x05, 0x00, 0x01, 0x7a, 0x5e, 0xab, 0x3f, 0x00,
    0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];
