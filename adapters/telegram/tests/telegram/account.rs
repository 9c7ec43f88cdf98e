//! The account itself: its token, its menus, and what an examination finds.

use adapter_telegram::{Mode, Telegram, TelegramSettings};
use bot_core::Locale;
use bot_core::adapter::{AccountHealth, Adapter, CommandMenu, CommandMenuEntry, Finding, RunError, Verdict};
use bot_core::message::Document;
use fake_telegram::Fault;
use serde_json::json;

use crate::stand::{Stand, direct, eventually, send};

#[tokio::test]
async fn an_account_without_a_token_says_what_to_do_and_stops_nobody() {
    let mut stand = Stand::new().await;
    for content in [None, Some("not a token")] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = match content {
            None => file.path().with_extension("missing"),
            Some(content) => {
                std::fs::write(file.path(), content).unwrap();
                file.path().to_owned()
            }
        };
        stand.settings.token_file = path;
        let adapter = stand.adapter();
        assert!(matches!(adapter.health(), AccountHealth::Failed { .. }));
        assert!(adapter.secrets().is_empty() && adapter.router().is_none());
        let refused = adapter.run(stand.account.intake.clone(), Default::default()).await.unwrap_err();
        assert!(matches!(&refused, RunError::Refused(reason) if reason.contains("@BotFather")), "{refused}");
        let verdict = send(&adapter, &direct(1), &Document::says("?")).await;
        assert!(matches!(verdict, Verdict::AccountDead { .. }));
        let findings = adapter.examine().await;
        assert!(matches!(&findings[..], [Finding { ok: false, remedy: Some(_), .. }]), "{findings:?}");
    }
    assert!(stand.fake.calls().is_empty());
}

#[tokio::test]
async fn a_revoked_token_ends_the_run_for_good() {
    let stand = Stand::new().await;
    stand.fake.revoke_token();
    let adapter = stand.adapter();
    let refused = adapter.run(stand.account.intake.clone(), Default::default()).await.unwrap_err();
    assert!(matches!(&refused, RunError::Refused(reason) if reason.contains("/token")), "{refused}");
    assert!(matches!(adapter.health(), AccountHealth::Failed { .. }));
    let findings = adapter.examine().await;
    assert!(findings.iter().any(|finding| finding.step == "token" && !finding.ok), "{findings:?}");
}

#[tokio::test]
async fn a_stop_leaves_it_starting_and_two_bots_do_not_share_a_cursor() {
    let stand = Stand::new().await;
    let running = stand.start();
    stand.fake.person(42).says("bonjour");
    stand.takes(&["bonjour"]).await;
    let adapter = running.adapter.clone();
    running.stop().await.unwrap();
    assert_eq!(adapter.health(), AccountHealth::Starting);
    let kept = stand.account.context.state.list("offset/", None, 10).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].key, format!("offset/{}", stand.fake.bot_id()));
}

fn menus(summary: &str) -> Vec<CommandMenu> {
    let menu = |locale, summary: &str| CommandMenu {
        locale,
        entries: vec![CommandMenuEntry { name: "aide".to_owned(), summary: summary.to_owned() }],
    };
    vec![menu(Locale::En, "What I can do"), menu(Locale::Fr, summary)]
}

#[tokio::test]
async fn menus_are_published_per_language_and_only_when_they_change() {
    let stand = Stand::new().await;
    let adapter = stand.adapter();
    let summary = "é".repeat(300);
    // The second language meets a throttle: the next try goes on from there.
    stand.fake.fail_next("setMyCommands", Fault::TooMany { retry_after_seconds: 3 });
    assert!(matches!(adapter.publish_commands(&menus(&summary)).await, Verdict::Throttled { .. }));
    assert_eq!(adapter.publish_commands(&menus(&summary)).await, Verdict::Sent(()));
    let short = "é".repeat(256);
    assert_eq!(
        stand.fake.menu(""),
        Some(json!([{ "command": "aide", "description": short }])),
        "French for all others"
    );
    assert_eq!(stand.fake.menu("fr"), stand.fake.menu(""));
    assert_eq!(stand.fake.menu("en"), Some(json!([{ "command": "aide", "description": "What I can do" }])));
    let calls = stand.fake.calls_of("setMyCommands").len();
    assert_eq!(stand.adapter().publish_commands(&menus(&summary)).await, Verdict::Sent(()));
    assert_eq!(stand.fake.calls_of("setMyCommands").len(), calls, "nothing has changed");
    assert_eq!(adapter.publish_commands(&menus("Ce que je fais")).await, Verdict::Sent(()));
    assert_eq!(stand.fake.calls_of("setMyCommands").len(), calls + 2, "English has not");
    fake_telegram::judge(&stand.fake.record());
}

fn step<'f>(findings: &'f [Finding], step: &str) -> &'f Finding {
    findings.iter().find(|finding| finding.step == step).unwrap()
}

#[tokio::test]
async fn an_examination_names_each_step_and_changes_nothing() {
    let mut stand = Stand::new().await;
    let findings = stand.adapter().examine().await;
    assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
    let steps: Vec<&str> = findings.iter().map(|finding| finding.step.as_str()).collect();
    assert_eq!(steps, ["token file", "token", "updates", "groups"]);
    assert!(step(&findings, "token").found.contains("@TrifouillyBot"));
    stand.fake.set_group_rights(true, true);
    assert!(step(&stand.adapter().examine().await, "groups").found.contains("/setprivacy"));

    stand.fake.set_webhook("https://other.example/hook");
    let findings = stand.adapter().examine().await;
    let updates = step(&findings, "updates");
    assert!(!updates.ok && updates.remedy.as_ref().unwrap().contains("replace_webhook"));
    let took_over = TelegramSettings { replace_webhook: true, ..stand.settings.clone() };
    let adapter = Telegram::new(took_over, "https://x.example".into(), stand.account.context.clone());
    assert!(step(&adapter.examine().await, "updates").ok);

    stand.fake.refuse().await;
    let findings = stand.adapter().examine().await;
    assert!(!step(&findings, "token").ok);
    stand.fake.accept().await;
    assert!(stand.fake.calls().iter().all(|call| matches!(call.method.as_str(), "getMe" | "getWebhookInfo")));

    // A webhook whose deliveries fail.
    stand.settings.replace_webhook = true;
    let adapter = stand.serve().await;
    let running = stand.run(adapter.clone());
    eventually("the webhook", async || adapter.health() == AccountHealth::Ready).await;
    assert!(step(&adapter.examine().await, "updates").ok);
    running.stop().await.unwrap();
    stand.fake.person(42).says("personne ?");
    eventually("a failed delivery", async || !step(&adapter.examine().await, "updates").ok).await;
    let findings = adapter.examine().await;
    assert!(step(&findings, "updates").found.contains("stopped"), "{findings:?}");
    assert_eq!(stand.settings.mode, Mode::Webhook);
}
