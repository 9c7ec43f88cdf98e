//! Requests to the outside: heard once, asked again after a crash, never at the plugin's own cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bot_core::fetch::FetchSettings;
use chrono::TimeDelta;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::crash::{Moment, Proxy};
use crate::scripted::{ScriptedPlatform, ScriptedPlugin};
use crate::town::Town;

/// A page on the network, and how often it was asked for.
struct Page {
    url: String,
    asked: Arc<AtomicUsize>,
    /// It takes its time to answer.
    held: Arc<AtomicBool>,
    settings: FetchSettings,
}

impl Page {
    async fn that_says(words: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(AtomicUsize::new(0));
        let held = Arc::new(AtomicBool::new(false));
        let (count, holds) = (Arc::clone(&asked), Arc::clone(&held));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let _ = stream.read(&mut request).await;
                count.fetch_add(1, Ordering::SeqCst);
                while holds.load(Ordering::SeqCst) {
                    crate::town::a_moment().await;
                }
                let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{words}");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        let settings = FetchSettings { allow: vec![place.parse().unwrap()], ..FetchSettings::default() };
        Self { url: format!("http://{place}/"), asked, held, settings }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn town(page: &Page) -> Town {
    let plugin = ScriptedPlugin::new("scripted", &["fetch"]);
    let mut town = Town::with(ScriptedPlatform::new("scripted"), vec![plugin]).await;
    town.stop().await;
    town.fetching = page.settings.clone();
    town.start().await;
    town
}

fn fetched(town: &Town) -> Vec<String> {
    town.heard(0).into_iter().filter(|what| what.starts_with("fetched")).collect()
}

const HEARD: &str = "SELECT count(*) FROM core.audit WHERE action = 'fetched'";
const UNDER_WAY: &str = "SELECT count(*) FROM core.fetch";

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_hears_what_it_asked_for() {
    let page = Page::that_says("hello").await;
    let town = town(&page).await;
    town.says("ana", &format!("/fetch {}", page.url)).await;
    assert_eq!(fetched(&town), ["fetched \"kept\" 200 hello"]);
    town.says("ana", "/fetch http://169.254.169.254/").await;
    assert_eq!(fetched(&town)[1], "fetched \"kept\" forbidden");
    assert_eq!((page.asked(), town.number(UNDER_WAY).await), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_a_plugin_cannot_take_is_given_up_after_five_tries() {
    let page = Page::that_says("poison").await;
    let town = town(&page).await;
    town.says("ana", &format!("/fetch {}", page.url)).await;
    for _ in 0..5 {
        town.advance(TimeDelta::minutes(1)).await;
    }
    assert_eq!((fetched(&town).len(), page.asked()), (5, 5));
    let given_up = "SELECT count(*) FROM core.audit WHERE action = 'fetch.given_up'";
    assert_eq!((town.number(UNDER_WAY).await, town.number(given_up).await), (0, 1));
}

/// The process dies at the `commits`th commit after somebody's wish. Says whether there was one.
async fn crash_at(page: &Page, town: &mut Town, commits: i64, moment: Moment) -> bool {
    let before = town.number(HEARD).await;
    let proxy = Proxy::to(&town.database.options(), moment).await;
    town.start_through(proxy.options.clone()).await;
    town.quiet().await;
    let words = bot_core::Redacted::new(format!("/fetch {}", page.url));
    let event = town.event(&town.platform, "ana", bot_core::adapter::InboundKind::Text { text: words });
    let intake = town.platform.intake().await;
    proxy.light(commits);
    tokio::select! {
        () = proxy.burnt() => {}
        () = async {
            let _ = intake.receive(std::slice::from_ref(&event), None).await;
            while town.number(HEARD).await == before {
                crate::town::a_moment().await;
            }
        } => {}
    }
    let crashed = proxy.is_burnt();
    town.abandon();
    drop(proxy);
    town.alone().await;

    town.start().await;
    town.platform.intake().await.receive(&[event], None).await.unwrap();
    town.quiet().await;
    let heard = town.number(HEARD).await - before;
    assert_eq!(heard, 1, "heard {heard} times after a crash {moment:?} commit {commits}");
    assert_eq!(town.number(UNDER_WAY).await, 0);
    town.stop().await;
    crashed
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_an_answer_is_heard_once() {
    for moment in [Moment::Before, Moment::After] {
        let page = Page::that_says("hello").await;
        let mut town = town(&page).await;
        town.stop().await;
        let mut crashes = 0;
        while crash_at(&page, &mut town, crashes, moment).await {
            crashes += 1;
        }
        assert!(crashes >= 4, "only {crashes} commits were interrupted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_between_the_answer_and_its_settling_asks_again() {
    let page = Page::that_says("hello").await;
    let mut town = town(&page).await;
    town.stop().await;
    let proxy = Proxy::to(&town.database.options(), Moment::Before).await;
    town.start_through(proxy.options.clone()).await;
    town.quiet().await;
    page.held.store(true, Ordering::SeqCst);
    let words = bot_core::Redacted::new(format!("/fetch {}", page.url));
    let kind = bot_core::adapter::InboundKind::Text { text: words };
    town.send_event(&town.platform, "ana", kind).await;
    while page.asked() == 0 {
        crate::town::a_moment().await;
    }
    proxy.burn();
    page.held.store(false, Ordering::SeqCst);
    town.abandon();
    drop(proxy);
    town.alone().await;
    assert_eq!((town.number(HEARD).await, town.number(UNDER_WAY).await), (0, 1));
    town.start().await;
    town.quiet().await;
    assert_eq!((page.asked(), town.number(HEARD).await, town.number(UNDER_WAY).await), (2, 1, 0));
}
