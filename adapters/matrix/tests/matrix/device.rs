//! The device and its store: bound to one another, and replaced only when an operator says so.

use std::os::unix::fs::PermissionsExt;

use bot_core::adapter::{AccountHealth, Adapter, RunError};
use bot_core::message::Document;

use crate::world::{Scene, world};

#[tokio::test]
async fn a_device_is_made_once_and_recovered_by_its_key() {
    let Some((world, _alone)) = world().await else { return };
    let mut scene = Scene::set(world, "12").await;
    let directory = scene.bot.directory.path().to_owned();
    for secret in ["recovery", "passphrase"] {
        let mode = std::fs::metadata(directory.join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    scene.is(AccountHealth::Ready).await;
    let running = scene.bot.matrix(&scene.account).status().await.unwrap();
    assert!(running.in_use && running.report.as_ref().is_some_and(|report| report.verified && report.rooms == 1));
    let busy = scene.bot.matrix(&scene.account).recover().await.unwrap_err();
    assert!(matches!(&busy, RunError::Refused(reason) if reason.contains("stop it first")), "{busy}");

    scene.says("avant").await;
    scene.takes_texts(&["avant".to_owned()]).await;
    scene.stop().await.unwrap();
    let before = scene.bot.matrix(&scene.account).status().await.unwrap();
    let report = before.report.unwrap();
    assert!(!before.in_use && report.verified && report.recovery == Some(true));
    assert!(scene.bot.matrix(&scene.account).examine().await.iter().all(|finding| finding.ok));

    // The store is lost; people go on writing to the device there was.
    std::fs::rename(directory.join("store/device"), directory.join("lost")).unwrap();
    let refused = scene.is_refused().await;
    assert!(refused.contains("crieur matrix recover"), "{refused}");
    let findings = scene.bot.matrix(&scene.account).examine().await;
    assert!(findings.iter().any(|finding| !finding.ok && finding.step == "device"), "{findings:?}");

    let recovered = scene.bot.matrix(&scene.account).recover().await.unwrap();
    assert_ne!(recovered.device, before.device);
    scene.start_anew().await;
    scene.citizen.rotates_keys(&scene.room).await;
    scene.says("après").await;
    scene.takes_texts(&["avant".to_owned(), "après".to_owned()]).await;
    let sent = scene.sends(&Document::says("me revoilà"), 1).await;
    scene.sees("the new device", |said| said.id == sent).await;
    scene.stop().await.unwrap();

    // The old store comes back, as from a backup.
    std::fs::rename(directory.join("store/device"), directory.join("new")).unwrap();
    std::fs::rename(directory.join("lost"), directory.join("store/device")).unwrap();
    let refused = scene.is_refused().await;
    assert!(refused.contains("another device"), "{refused}");
    // What is in place is set aside, not deleted.
    let again = scene.bot.matrix(&scene.account).recover().await.unwrap();
    assert!(again.set_aside.is_some_and(|aside| aside.join("matrix-sdk-crypto.sqlite3").exists()));
    scene.start_anew().await;
}

#[tokio::test]
async fn a_store_that_does_not_fit_is_refused() {
    let Some((world, _alone)) = world().await else { return };
    let mut scene = Scene::set(world, "12").await;
    let directory = scene.bot.directory.path().to_owned();
    scene.is(AccountHealth::Ready).await;
    scene.stop().await.unwrap();

    let passphrase = std::fs::read(directory.join("passphrase")).unwrap();
    std::fs::write(directory.join("passphrase"), "another passphrase of more than 32 characters").unwrap();
    let refused = scene.is_refused().await;
    assert!(refused.contains("does not open with the passphrase"), "{refused}");
    std::fs::write(directory.join("passphrase"), &passphrase).unwrap();

    copy(&directory.join("store/device"), &directory.join("copy"));
    scene.start_anew().await;
    scene.stop().await.unwrap();
    std::fs::rename(directory.join("store/device"), directory.join("kept")).unwrap();
    copy(&directory.join("copy"), &directory.join("store/device"));
    let refused = scene.is_refused().await;
    assert!(refused.contains("old copy"), "{refused}");
    std::fs::remove_dir_all(directory.join("store/device")).unwrap();
    std::fs::rename(directory.join("kept"), directory.join("store/device")).unwrap();

    let user = std::mem::replace(&mut scene.bot.settings.user, "@somebody:localhost".into());
    let refused = scene.is_refused().await;
    assert!(refused.contains("another user"), "{refused}");
    scene.bot.settings.user = user;

    let key = std::fs::read(directory.join("recovery")).unwrap();
    std::fs::write(directory.join("recovery"), "EsTc 5rr1 4jhp Uy8a kvM8 3oKK zQKn xCBa W7Rz 2NbZ 8VQs 7Gr2").unwrap();
    let refused = scene.bot.matrix(&scene.account).recover().await.unwrap_err();
    assert!(refused.to_string().contains("does not fit"), "{refused}");
    std::fs::write(directory.join("recovery"), key).unwrap();
    // It failed without harm: the device there was goes on.
    scene.start_anew().await;
    scene.says("tout va bien").await;
    scene.takes_texts(&["tout va bien".to_owned()]).await;
}

#[tokio::test]
async fn a_session_that_ran_out_is_renewed_by_the_same_device() {
    let Some((world, _alone)) = world().await else { return };
    let mut scene = Scene::set(world, "12").await;
    scene.is(AccountHealth::Ready).await;
    let before = scene.bot.matrix(&scene.account).status().await.unwrap().device;
    scene.stop().await.unwrap();
    scene.bot.proxy.end_session();
    scene.start_anew().await;
    assert_eq!(scene.bot.matrix(&scene.account).status().await.unwrap().device, before);
    scene.says("toujours là").await;
    scene.takes_texts(&["toujours là".to_owned()]).await;
    let sent = scene.sends(&Document::says("moi aussi"), 1).await;
    assert!(scene.sees("the same device", |said| said.id == sent).await.decrypted);
}

#[tokio::test]
async fn a_wrong_password_is_refused_with_plain_words() {
    let Some((world, _alone)) = world().await else { return };
    let mut scene = Scene::set(world, "12").await;
    scene.stop().await.unwrap();
    // As before the very first start.
    scene.account.context.state.delete_prefix("").await.unwrap();
    std::fs::remove_dir_all(scene.bot.directory.path().join("store")).unwrap();
    std::fs::write(scene.bot.directory.path().join("password"), "wrong").unwrap();
    let refused = scene.is_refused().await;
    assert!(refused.contains("`password_file`") && !refused.contains("wrong"), "{refused}");
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        // SQLite takes its journal away when the last connection closes, which may be now.
        match std::fs::copy(file.path(), to.join(file.file_name())) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            copied => assert!(copied.is_ok(), "{copied:?}"),
        }
    }
}
