//! The real program with its private Postgres, killed where it hurts: nothing that was acknowledged is lost, and
//! nothing is counted twice.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../conversations/citizen.rs"]
#[allow(dead_code, reason = "shared with the conversations, which use all of it")]
mod citizen;
mod program;

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use reqwest::StatusCode;
use serde_json::json;
use tokio::sync::Notify;

use citizen::{Citizen, a_moment};
use program::{DataDir, Program};

/// What is killed in the middle of a stream of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Victim {
    Crieur,
    Postgres,
    Both,
}

/// Each on its way to a ballot, up to the review.
async fn at_the_review(program: &Program<'_>, count: usize) -> Vec<(Citizen, String)> {
    let mut citizens = Vec::new();
    for index in 0..count {
        let mut citizen = Citizen::arrives(&program.site).await;
        citizen.says("/consultations").await;
        citizen.taps("Répondre : La place du marché").await;
        citizen.taps(["Halle couverte", "Jardin et bancs"][index % 2]).await;
        let cast = citizen.finds("Déposer mon bulletin").await.action;
        citizens.push((citizen, cast));
    }
    citizens
}

const VOTERS: usize = 12;
/// Votes taken before the kill.
const BEFORE: usize = 4;

/// Posts until the service says that the message is stored, as a careful client does: the same id again and again.
async fn posts_until_taken(citizen: &Citizen, cast: &str, id: &str) {
    loop {
        match citizen.posts(&json!({ "action": cast, "id": id })).await {
            Some(StatusCode::ACCEPTED) => return,
            Some(StatusCode::SERVICE_UNAVAILABLE) | None => a_moment().await,
            Some(other) => panic!("{other}"),
        }
    }
}

async fn survives(victim: Victim) {
    let data = DataDir::new();
    let mut program = Program::starts(&data);
    let voters = at_the_review(&program, VOTERS).await;
    let (first, rest) = voters.split_at(BEFORE);
    for (index, (citizen, cast)) in first.iter().enumerate() {
        posts_until_taken(citizen, cast, &format!("vote-{index}")).await;
    }
    // The others vote while the blow falls: each either hears 202, or does not and is not sure.
    let taken = Notify::new();
    let posts = rest.iter().enumerate().map(|(index, (citizen, cast))| {
        let message = json!({ "action": cast, "id": format!("late-{index}") });
        let taken = &taken;
        async move {
            let answer = citizen.posts(&message).await;
            taken.notify_one();
            answer
        }
    });
    let posts = futures::future::join_all(posts);
    let blow = async {
        // In the middle of them: one is answered, the others are on their way.
        taken.notified().await;
        if victim != Victim::Crieur {
            program.kill_postgres();
        }
        if victim != Victim::Postgres {
            program.kill();
        }
    };
    let (answers, ()) = tokio::join!(posts, blow);
    if victim == Victim::Postgres {
        // Crieur goes on, and starts its database again.
        assert!(program.is_alive());
    } else {
        program.wait();
        program = Program::starts(&data).at(&program.site);
    }
    let acknowledged = answers.iter().filter(|answer| **answer == Some(StatusCode::ACCEPTED)).count();
    assert!(answers.iter().flatten().all(|status| [202, 503].contains(&status.as_u16())), "{answers:?}");

    // Every one that was acknowledged gets its receipt without asking again, and counts.
    let mut voters = voters;
    let sure = answers.iter().map(|answer| *answer == Some(StatusCode::ACCEPTED));
    let sure: Vec<bool> = std::iter::repeat_n(true, BEFORE).chain(sure).collect();
    for ((citizen, _), sure) in voters.iter_mut().zip(&sure) {
        if *sure {
            citizen.hears("Votre bulletin est enregistré").await;
        }
    }
    let counted = program.ballots("place-du-marche");
    assert!(counted >= (BEFORE + acknowledged) as u64, "{victim:?}: {counted} counted, {acknowledged} acknowledged");
    assert!(counted <= VOTERS as u64);

    // Whoever was not sure repeats the very same call: it counts once, whether it had arrived or not.
    for (index, (citizen, cast)) in voters[BEFORE..].iter().enumerate() {
        posts_until_taken(citizen, cast, &format!("late-{index}")).await;
    }
    for (citizen, _) in &mut voters {
        citizen.hears("Votre bulletin est enregistré").await;
    }
    assert_eq!(program.ballots("place-du-marche"), VOTERS as u64, "{victim:?}");
    program.stops();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_vote_is_lost_when_crieur_is_killed() {
    survives(Victim::Crieur).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_vote_is_lost_when_postgres_is_killed() {
    survives(Victim::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_vote_is_lost_when_both_are_killed() {
    survives(Victim::Both).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_instance_is_refused_a_stop_is_clean_and_a_second_start_keeps_the_data() {
    let data = DataDir::new();
    let program = Program::starts(&data);
    let second = program::crieur(&data).args(["--listen", "127.0.0.1:0"]).output().unwrap();
    let words = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{words}");
    assert!(words.contains(&format!("process {}", program.pid())) && words.contains("data directory"), "{words}");

    let mut ana = Citizen::arrives(&program.site).await;
    ana.says("/consultations").await;
    ana.taps("Répondre : La place du marché").await;
    ana.taps("Halle couverte").await;
    let cast = ana.finds("Déposer mon bulletin").await.action;
    posts_until_taken(&ana, &cast, "vote").await;
    let consultations = program.consultations();
    assert_eq!(consultations["barometre-2016"], 100, "the demonstration has a closed consultation to read");
    let site = program.site.clone();
    // The vote may still be under way: it is finished now, or taken up again below.
    program.stops();

    let program = Program::starts(&data).at(&site);
    ana.hears("Votre bulletin est enregistré").await;
    let again = program.consultations();
    assert_eq!(again.keys().collect::<Vec<_>>(), consultations.keys().collect::<Vec<_>>(), "nothing is filled twice");
    assert_eq!((again["place-du-marche"], again["barometre-2016"]), (1, 100));
    program.stops();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_somebody_wrote_is_ever_printed() {
    const WORDS: &str = "Canari7f3c9 du 12 rue des Lilas";
    let data = DataDir::new();
    // As talkative as an operator in trouble could make it.
    let mut program = Program::starts_with(&data, &[("RUST_LOG", "debug,sqlx=info")]);
    let mut ana = Citizen::arrives(&program.site).await;
    let address = ana.address().await;
    ana.says(WORDS).await;
    ana.hears("Je n’ai pas compris").await;
    ana.says(&format!("/{WORDS}")).await;
    ana.hears("Je ne connais pas").await;
    ana.says("/consultations").await;
    ana.taps("Répondre : La place du marché").await;
    let choice = ana.finds("Halle couverte").await.action;
    ana.presses(&choice).await;
    ana.presses("Zm9yZ2VkLWNhbmFyeS10b2tlbg").await;
    ana.hears("n’est pas valable").await;
    let (status, _) = ana.posts_raw("application/json", format!("{{\"text\": {WORDS:?}, \"unknown\": 1}}")).await;
    assert_eq!(status, 400);
    // Trouble is when logs talk most.
    program.kill_postgres();
    let _ = ana.posts(&json!({ "text": WORDS, "id": "in-trouble" })).await;
    loop {
        if ana.posts(&json!({ "text": WORDS, "id": "in-trouble" })).await == Some(StatusCode::ACCEPTED) {
            break;
        }
        a_moment().await;
    }
    let token = ana.token().to_owned();
    program.signals(Signal::SIGTERM);
    assert_eq!(program.wait().code(), Some(0));
    let printed = program.printed();
    assert!(printed.contains("private Postgres server is back"), "the log is on: {printed}");
    let path = address.strip_prefix("webchat:").unwrap();
    let secrets = BTreeMap::from([
        ("text", "Canari7f3c9"),
        ("address", path),
        ("token", token.as_str()),
        ("action", choice.as_str()),
        ("forged action", "Zm9yZ2VkLWNhbmFyeS10b2tlbg"),
    ]);
    for (what, secret) in secrets {
        let line = printed.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "the {what} was printed");
    }
}
