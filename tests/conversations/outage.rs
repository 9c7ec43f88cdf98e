//! Postgres is gone for a while in the middle of votes: what was accepted counts once, what was not was refused.

use std::path::PathBuf;

use bot_core::conformance::TestDatabase;
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

use crate::citizen::a_moment;
use crate::town::Crieur;
use crate::voting::MARKET;

/// Stands between the service and Postgres, and can be shut.
struct Door {
    options: PgConnectOptions,
    open: watch::Sender<bool>,
}

impl Door {
    async fn to(server: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(listener.local_addr().unwrap().port())
            .username(server.get_username())
            .database(server.get_database().unwrap())
            .ssl_mode(PgSslMode::Disable);
        let (open, opened) = watch::channel(true);
        let (host, port) = (server.get_host().to_owned(), server.get_port());
        let folder = server.get_socket().cloned().or_else(|| host.starts_with('/').then(|| PathBuf::from(&host)));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !*opened.borrow() {
                    continue;
                }
                let (mut opened, host, folder) = (opened.clone(), host.clone(), folder.clone());
                tokio::spawn(async move {
                    let server: Box<dyn Stream> = match folder {
                        Some(folder) => {
                            Box::new(UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await.unwrap())
                        }
                        None => Box::new(TcpStream::connect((host, port)).await.unwrap()),
                    };
                    let (mut client, mut server) = (client, server);
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = opened.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self { options, open }
    }

    /// Cuts every connection, and lets nobody in.
    fn shuts(&self) {
        self.open.send_replace(false);
    }

    fn opens(&self) {
        self.open.send_replace(true);
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

#[tokio::test(flavor = "multi_thread")]
async fn votes_taken_before_postgres_went_away_count_once_and_others_are_refused() {
    const VOTERS: usize = 9;
    let database = TestDatabase::create().await;
    let door = Door::to(&database.options()).await;
    let crieur = Crieur::starts_through(database, door.options.clone()).await;
    crieur.opens(MARKET).await;
    let mut voters = Vec::new();
    for mut citizen in crieur.citizens(VOTERS).await {
        citizen.says("/consultations").await;
        citizen.taps("Répondre").await;
        citizen.taps("Halle").await;
        let cast = citizen.finds("Déposer").await.action;
        voters.push((citizen, cast));
    }
    let votes = async |range: std::ops::Range<usize>| {
        let posts = voters[range.clone()].iter().zip(range).map(|((citizen, cast), index)| async move {
            citizen.posts(&json!({ "action": cast, "id": format!("vote-{index}") })).await.unwrap()
        });
        join_all(posts).await
    };
    // Three are taken; three are on their way when Postgres goes; three come while it is gone.
    let mut answers = votes(0..3).await;
    assert_eq!(answers, [StatusCode::ACCEPTED; 3]);
    let cut = async {
        tokio::task::yield_now().await;
        door.shuts();
    };
    let (on_their_way, ()) = tokio::join!(votes(3..6), cut);
    answers.extend(on_their_way);
    let during = votes(6..9).await;
    assert_eq!(during, [StatusCode::SERVICE_UNAVAILABLE; 3]);
    answers.extend(during);
    let known = [StatusCode::ACCEPTED, StatusCode::SERVICE_UNAVAILABLE];
    assert!(answers.iter().all(|answer| known.contains(answer)), "{answers:?}");
    let ready = reqwest::get(format!("http://{}/health/ready", crieur.admin_address())).await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let live = reqwest::get(format!("http://{}/health/live", crieur.admin_address())).await.unwrap();
    assert_eq!(live.status(), StatusCode::OK);

    door.opens();
    let accepted = answers.iter().filter(|answer| **answer == StatusCode::ACCEPTED).count();
    while !crieur.is_ready().await {
        a_moment().await;
    }
    crieur.settles().await;
    let counted = crieur.participation("place-du-marche").await;
    assert!((accepted as u64..=6).contains(&counted), "{counted} counted of {accepted} accepted");

    // Those who were refused, and those who are not sure, say it again under the same id.
    for index in 0..VOTERS {
        while votes(index..index + 1).await != [StatusCode::ACCEPTED] {
            a_moment().await;
        }
    }
    crieur.settles().await;
    assert_eq!(crieur.participation("place-du-marche").await, VOTERS as u64);
    for (citizen, _) in &mut voters {
        citizen.hears("Votre bulletin est enregistré").await;
    }
    let parked = crieur.command(&["inbox", "list", "--json"]);
    assert_eq!(String::from_utf8(parked.stdout).unwrap().trim(), "[]", "nothing was given up");
}
