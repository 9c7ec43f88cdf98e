//! Participation codes, from the file that was printed to the ballot that is counted once.

use std::path::Path;

use crate::ledger::Ledger as _;
use crate::town::Crieur;
use crate::voting::MARKET;

/// The codes in a sheet, by its second column.
fn codes_in(path: &Path) -> Vec<String> {
    let sheet = std::fs::read_to_string(path).unwrap();
    sheet.lines().skip(1).map(|line| line.split("\",\"").nth(1).unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_code_is_one_persons_ballot() {
    let crieur = Crieur::starts().await;
    // A draft, since the program runs by the clock on the wall, which is past the town's.
    crieur.drafts(&MARKET.replace("anonymity", "accepts = [\"code\"]\nanonymity")).await;
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("codes.csv");
    let file = path.to_str().unwrap();
    let call = ["consultation", "codes", "place-du-marche", "--count", "3", "--csv", file];
    let made = crieur.command(&call);
    assert!(made.status.success(), "{made:?}");
    let codes = codes_in(&path);
    assert_eq!(codes.len(), 3);
    assert_eq!(crieur.command(&call).status.code(), Some(2), "a file of codes is never written over");
    assert_eq!(codes_in(&path), codes);
    let other = place.path().join("other.csv");
    let wrong = ["consultation", "codes", "inconnue", "--count", "3", "--csv", other.to_str().unwrap()];
    assert_eq!(crieur.command(&wrong).status.code(), Some(1));
    assert!(!other.exists(), "no code was made, so there is no file");

    crieur.opens_draft("place-du-marche").await;
    let mut ana = crieur.citizen().await;
    ana.says("/consultations").await;
    ana.taps("Répondre").await;
    ana.hears("se remplit avec un code personnel").await;
    ana.says(&format!("/participer {}", codes[0].to_lowercase())).await;
    ana.hears("Votre code est accepté").await;
    ana.taps("Jardin").await;
    ana.taps("Déposer").await;
    ana.hears("Votre bulletin est enregistré").await;
    let mut eve = crieur.citizen().await;
    eve.says(&format!("/participer {}", codes[0])).await;
    eve.hears("Ce code a déjà servi").await;
    // A link that carries the code, as a network hands it on.
    eve.says(&format!("/start participer-{}", codes[1])).await;
    eve.hears("Votre code est accepté").await;
    eve.taps("Halle").await;
    eve.taps("Déposer").await;
    eve.hears("Votre bulletin est enregistré").await;
    crieur.quiet().await;

    let (_, page) = crieur.page("/consultations/place-du-marche").await;
    assert!(page.contains("Par code personnel</th><td>2</td>"), "{page}");
    let stored = crieur.database.everything_in("micro_consultations").await;
    assert!(!stored.iter().any(|row| codes.iter().any(|code| row.contains(code.as_str()))));
    crieur.closes("place-du-marche").await;
    let core = crieur.database.everything_in("core").await;
    let used = &codes[..2];
    let left: Vec<_> = core.iter().filter(|row| used.iter().any(|code| row.to_uppercase().contains(code))).collect();
    assert!(left.is_empty(), "{left:#?}");
    let (_, page) = crieur.page("/consultations/place-du-marche").await;
    assert!(page.contains("comptés par personne"), "{page}");
}
