//! An organiser composes, opens, announces, extends, exports and closes a consultation without leaving the chat.

use micro_consultations::definition_file;

use crate::town::Crieur;
use crate::voting::MARKET;

#[tokio::test(flavor = "multi_thread")]
async fn an_organiser_does_it_all_in_chat() {
    let crieur = Crieur::starts().await;
    let mut reader = crieur.citizen().await;
    reader.says("/start").await;
    reader.taps("Oui, prévenez-moi").await;
    reader.hears("je vous préviendrai").await;

    let mut organiser = crieur.organiser().await;
    organiser.says("/aide").await;
    organiser.hears("/nouvelle_consultation").await;
    organiser.says("/nouvelle_consultation").await;
    organiser.hears("Quel est son titre").await;
    organiser.says("Le parc des Lilas").await;
    organiser.hears("question numéro 1").await;
    organiser.says("Que manque-t-il au parc ?").await;
    organiser.taps("Une seule réponse").await;
    organiser.hears("une par ligne").await;
    organiser.says("Des bancs\nUne fontaine\nDes jeux").await;
    organiser.taps("C’est tout").await;
    organiser.taps("Anonymes").await;
    organiser.taps("À tout moment").await;
    organiser.taps("7 jours").await;
    let preview = organiser.hears("Relisez-la comme un habitant la lira").await;
    for part in ["Le parc des Lilas", "Que manque-t-il au parc ?", "Une fontaine"] {
        assert!(preview.text.contains(part), "{}", preview.text);
    }
    organiser.taps("Ouvrir maintenant").await;
    organiser.hears("est ouverte jusqu’au mardi 8 septembre 2026").await;
    organiser.taps("Annoncer").await;
    organiser.hears("Annoncée le").await;
    let announcement = reader.hears("Une nouvelle consultation est ouverte : « Le parc des Lilas »").await;
    reader.presses(&announcement.buttons[0].action).await;
    reader.taps("Une fontaine").await;
    reader.taps("Déposer").await;
    reader.hears("Votre bulletin est enregistré").await;

    organiser.says("/mes_consultations").await;
    organiser.taps("Le parc des Lilas").await;
    organiser.hears("1 bulletin").await;
    organiser.taps("Prolonger").await;
    organiser.taps("3 jours").await;
    organiser.hears("est prolongée jusqu’au vendredi 11 septembre 2026").await;
    organiser.taps("Exporter le fichier").await;
    let file = organiser.fetches_file().await;
    let definition = definition_file::parse(&file).unwrap();
    assert_eq!((definition.slug.as_str(), definition.questions.len()), ("le-parc-des-lilas", 1));
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("parc.toml");
    std::fs::write(&path, &file).unwrap();
    let validated = crieur.command(&["consultation", "validate", path.to_str().unwrap()]);
    assert!(validated.status.success(), "{validated:?}");

    organiser.says("/mes_consultations").await;
    organiser.taps("Le parc des Lilas").await;
    organiser.taps("Clore").await;
    organiser.taps("Oui, clore maintenant").await;
    organiser.hears("« Le parc des Lilas » est close").await;
    reader.says("/consultations").await;
    reader.hears("Aucune consultation n’est ouverte").await;
    // Too few took part for their choices to stay their own.
    let (_, page) = crieur.page("/consultations/le-parc-des-lilas").await;
    assert!(page.contains("Moins de 5 bulletins") && !page.contains("<svg"));
    assert_eq!(crieur.page("/consultations/le-parc-des-lilas/ballots.csv").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_organises_without_the_right() {
    let crieur = Crieur::starts().await;
    crieur.opens(MARKET).await;
    let mut organiser = crieur.organiser().await;
    organiser.says("/mes_consultations").await;
    organiser.taps("La place du marché").await;
    let close = organiser.finds("Clore").await.action;

    let mut ana = crieur.citizen().await;
    for command in ["/nouvelle_consultation", "/mes_consultations", "/my_consultations"] {
        ana.says(command).await;
        ana.hears("Cette commande n’est pas disponible ici").await;
    }
    // The very button, from another conversation.
    ana.presses(&close).await;
    ana.hears("Ce bouton n’est pas valable dans cette conversation").await;

    // A right that was taken away is gone for the buttons that are still on the screen.
    let address = organiser.address().await;
    let revoked = crieur.command(&["roles", "revoke", "organiser", &address]);
    assert!(revoked.status.success(), "{revoked:?}");
    organiser.presses(&close).await;
    organiser.hears("Cette commande n’est pas disponible ici").await;
    crieur.quiet().await;
    let (_, page) = crieur.page("/consultations/place-du-marche").await;
    assert!(page.contains("Ouverte jusqu’au"), "still open");
}
