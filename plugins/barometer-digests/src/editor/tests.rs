//! An editor presses every button.

use bot_core::Locale;
use bot_core::adapter::Assurance;
use bot_core::plugin::Effect;

use crate::edition::bench::{Newsroom, reads};
use crate::edition::draft::tests::news;
use crate::edition::model::EntryKey;
use crate::edition::operations;
use crate::edition::store::State;

#[tokio::test]
async fn an_editor_prepares_an_edition_and_approves_it() {
    let newsroom = Newsroom::with_digest(61).await;
    newsroom.drafts_some().await;
    let mut claire = newsroom.editor();
    claire.sends("editions").await;
    insta::assert_snapshot!(claire.reads(), @r"
    La lettre de l’observatoire
    • n° 1, 2026-W48 : brouillon, 4 entrées
    [N° 1 · 2026-W48 · brouillon]
    [Préparer celle de la semaine]
    [Préparer celle du mois]
    ");
    claire.taps("N° 1").await;
    insta::assert_snapshot!(claire.reads(), @r"
    N° 1 · La lettre de l’observatoire
    • 2026-W48, brouillon, révision 1
    • Du lundi 16 novembre 2026 à 7 h au lundi 23 novembre 2026 à 7 h
    • Contenu : un chiffre, 2 actualités, un rendez-vous
    • Introduction : pas encore écrite
    • Une source ne répondait pas quand elle a été préparée : Agenda de la démocratie locale. Ce qui en venait avant y est.
    [Lire]
    [Introduction]
    [Entrées]
    [Ajouter]
    [Aperçus]
    [Approuver]
    [Passer]
    [Toutes les éditions]
    ");

    claire.taps("Introduction").await;
    insta::assert_snapshot!(claire.reads(), @r"
    Introduction
    Rien n’est encore écrit en français.
    Rien n’est encore écrit en anglais.
    [Écrire en français]
    [Écrire en anglais]
    [← L’édition]
    ");
    claire.taps("Écrire en français").await;
    insta::assert_snapshot!(claire.reads(), @r"
    Écrivez maintenant l’introduction en français, en un message : 4 000 signes au plus. Le Markdown est compris : **important**, [lien](https://exemple.fr).
    [← L’édition]
    ");
    claire.writes("Bonjour {{nom}}").await;
    assert!(claire.reads().starts_with("L’introduction ne convient pas : line 1, column 9"), "{}", claire.reads());
    // Asked again at once.
    claire.writes("Bonjour **à tous**.").await;
    assert!(claire.reads().starts_with("L’introduction est enregistrée."), "{}", claire.reads());
    assert!(claire.reads().contains("Introduction : fr"));
    claire.taps("Introduction").await;
    assert!(claire.reads().contains("En français : Bonjour **à tous**."), "{}", claire.reads());
    claire.taps("Effacer le français").await;
    assert!(claire.reads().contains("pas encore écrite"));

    claire.taps("Entrées").await;
    insta::assert_snapshot!(claire.reads(), @r"
    Entrées de l’édition n° 1
    [Chiffre : Les outils numériques renforcent la participation]
    [Nouvelle 1 (Actualités)]
    [Nouvelle 2 (Actualités)]
    [Rendez-vous : Rencontre 1 (Agenda)]
    [← L’édition]
    ");
    claire.taps("Nouvelle 2").await;
    insta::assert_snapshot!(claire.reads(), @r"
    Nouvelle 2 (Actualités)
    Ce qui s’est passé.
    https://actualites.example.org/2
    [Retirer]
    [Monter]
    [← Les entrées]
    ");
    claire.taps("Monter").await;
    // It is the first of its section now.
    assert!(claire.sees.choices.iter().all(|choice| choice.label != "Monter"), "{}", claire.reads());
    claire.taps("Descendre").await;
    claire.taps("Retirer").await;
    assert!(claire.reads().starts_with("Retiré : Nouvelle 2 (Actualités)\n"), "{}", claire.reads());
    claire.taps("← L’édition").await;

    claire.taps("Approuver").await;
    let hash = newsroom.does(async |cx| operations::show(cx, 1).await).await.unwrap().hash;
    assert!(
        claire.reads().contains(&format!("Empreinte {hash:.8}, révision 6, un chiffre, une actualité, un rendez-vous")),
        "{}",
        claire.reads()
    );
    assert!(claire.reads().contains("Elle sera publiée aussitôt"));
    claire.taps("Oui, approuver").await;
    insta::assert_snapshot!(claire.reads(), @r"
    L’édition est publiée : chacun la reçoit à son heure.
    N° 1 · La lettre de l’observatoire
    • 2026-W48, en cours d’envoi, révision 6
    • Du lundi 16 novembre 2026 à 7 h au lundi 23 novembre 2026 à 7 h
    • Contenu : un chiffre, une actualité, un rendez-vous
    • Introduction : pas encore écrite
    • Une source ne répondait pas quand elle a été préparée : Agenda de la démocratie locale. Ce qui en venait avant y est.
    • Personne n’y est abonné
    [Lire]
    [Aperçus]
    [Toutes les éditions]
    ");
    let stored = newsroom.does(async |cx| operations::show(cx, 1).await).await.unwrap();
    assert_eq!((stored.state, stored.approved_by.as_deref(), stored.hash), (State::Sending, Some("organiser"), hash));
}

#[tokio::test]
async fn a_button_of_an_older_draft_changes_nothing() {
    let newsroom = Newsroom::with_digest(62).await;
    newsroom.drafts_some().await;
    let (mut claire, mut paul) = (newsroom.editor(), newsroom.editor());
    paul.sends("editions 1").await;
    paul.taps("Approuver").await;
    let confirm = paul.button("Oui, approuver");
    paul.sends("editions 1").await;
    let entries = paul.button("Entrées");
    claire.sends("editions 1").await;
    claire.taps("Entrées").await;
    let entry = claire.button("Nouvelle 1");
    claire.taps("Nouvelle 1").await;
    let drop = claire.button("Retirer");
    claire.presses(&drop).await;
    // Again, by a second press, and by a colleague who saw what was.
    for stale in [&drop, &entry, &entries, &confirm] {
        paul.presses(stale).await;
        assert!(paul.reads().starts_with("Ce bouton était d’une version plus ancienne"), "{}", paul.reads());
        assert!(paul.reads().contains("révision 2"), "{}", paul.reads());
    }
    let stored = newsroom.does(async |cx| operations::show(cx, 1).await).await.unwrap();
    assert_eq!((stored.state, stored.revision, stored.edition.entries.len()), (State::Draft, 2, 3));
    // An introduction that was asked for before the change is refused with what to do.
    claire.sends("editions 1").await;
    claire.taps("Introduction").await;
    claire.taps("Écrire en anglais").await;
    let key = EntryKey("news:2".to_owned());
    newsroom.does(async |cx| operations::drop_entry(cx, 1, 2, &key, None).await).await.unwrap();
    claire.writes("Hello").await;
    assert!(claire.reads().starts_with("L’édition n° 1 a changé entre-temps"), "{}", claire.reads());
    assert!(newsroom.does(async |cx| operations::show(cx, 1).await).await.unwrap().edition.introduction.is_empty());
}

#[tokio::test]
async fn previews_are_as_readers_get_them() {
    let mut newsroom = Newsroom::with_digest(63).await;
    newsroom.bench.public_url = Some("https://crieur.example.org".to_owned());
    newsroom.drafts_some().await;
    let mut claire = newsroom.editor();
    claire.sends("editions 1").await;
    claire.taps("Lire").await;
    assert!(claire.reads().contains("Nouvelle 1"), "{}", claire.reads());
    let is_chart =
        |effect: &Effect| matches!(effect, Effect::StoreMedia { content_type, .. } if content_type == "image/png");
    assert_eq!(claire.effects.iter().filter(|effect| is_chart(effect)).count(), 1, "its chart is drawn");
    claire.sends("editions 1").await;
    claire.taps("Aperçus").await;
    insta::assert_snapshot!(claire.reads(), @r"
    Dans quelle langue et sous quelle forme ? Ici, vous la voyez comme ce réseau la montre. Pour les réseaux côte à côte : crieur digest preview 1 --networks
    [Français, longue]
    [Français, courte]
    [Anglais, longue]
    [Anglais, courte]
    [Français, sans boutons ni images]
    [Anglais, sans boutons ni images]
    [← L’édition]
    ");
    let ways: Vec<_> = [
        "Français, longue",
        "Français, courte",
        "Anglais, longue",
        "Anglais, courte",
        "Français, sans",
        "Anglais, sans",
    ]
    .map(|label| claire.button(label))
    .into();
    let mut shown = Vec::new();
    for way in &ways {
        claire.presses(way).await;
        shown.push(claire.sees.clone());
    }
    for (place, document) in shown.iter().enumerate() {
        assert!(reads(document).contains("Nouvelle 1"), "{place}: {}", reads(document));
        assert_eq!(shown.iter().filter(|other| *other == document).count(), 1, "{place} is as another");
    }
    let has_pictures = |place: usize| shown[place].media().next().is_some();
    assert!(has_pictures(0) && has_pictures(2) && !has_pictures(1) && !has_pictures(4));
    assert!(shown[4].choices.is_empty(), "a network without buttons shows none");
}

#[tokio::test]
async fn what_is_approved_and_kept_is_sent_or_skipped_by_hand() {
    let newsroom = Newsroom::new(64).await;
    let by_hand = crate::edition::bench::DIGEST.replacen("sending = \"on_approval\"", "sending = \"by_hand\"", 1);
    newsroom.does(async |cx| operations::set_definition(cx, &by_hand, None).await).await.unwrap();
    newsroom.drafts_some().await;
    let mut claire = newsroom.editor();
    claire.sends("editions 1").await;
    claire.taps("Approuver").await;
    assert!(claire.reads().contains("Elle ne partira que quand vous l’enverrez."), "{}", claire.reads());
    claire.taps("Oui, approuver").await;
    assert!(claire.reads().starts_with("L’édition est approuvée."), "{}", claire.reads());
    claire.taps("Passer").await;
    // Another thought: what is written then is no reason.
    claire.taps("← L’édition").await;
    assert_eq!(claire.awaited, None);
    claire.taps("Envoyer").await;
    insta::assert_snapshot!(claire.reads(), @r"
    Publier l’édition n° 1 ? Chacun la recevra à son heure ; elle ne peut pas être reprise.
    [Oui, publier]
    [Non, pas encore]
    ");
    let confirm = claire.button("Oui, publier");
    claire.presses(&confirm).await;
    assert!(claire.reads().starts_with("L’édition est publiée"), "{}", claire.reads());
    claire.presses(&confirm).await;
    assert!(claire.reads().starts_with("L’édition n° 1 est déjà publiée"), "{}", claire.reads());
}

#[tokio::test]
async fn an_edition_is_skipped_with_a_reason_and_drafted_anew() {
    let newsroom = Newsroom::with_digest(65).await;
    newsroom.drafts(Vec::new()).await;
    let mut claire = newsroom.editor();
    claire.sends("editions 1").await;
    assert!(claire.reads().contains("Rien n’est dans cette édition"), "{}", claire.reads());
    claire.taps("Approuver").await;
    assert!(claire.reads().contains("révision 1, aucune entrée"), "{}", claire.reads());
    assert!(claire.reads().contains("il n’y a rien cette fois"), "{}", claire.reads());
    claire.taps("Non, pas encore").await;
    claire.taps("Ajouter").await;
    assert!(claire.reads().contains("Il n’y a rien d’autre à ajouter"), "{}", claire.reads());
    claire.taps("← L’édition").await;
    claire.taps("Entrées").await;
    assert!(claire.reads().contains("n’a pas d’entrée"), "{}", claire.reads());
    claire.taps("← L’édition").await;
    claire.taps("Passer").await;
    claire.writes("  ").await;
    assert!(claire.reads().starts_with("Il manque le texte"), "{}", claire.reads());
    claire.writes("Rien à dire cette semaine").await;
    assert!(claire.reads().starts_with("L’édition est passée"), "{}", claire.reads());
    claire.taps("Toutes les éditions").await;
    claire.taps("Préparer celle de la semaine").await;
    assert!(claire.reads().starts_with("L’édition est préparée.\nN° 2"), "{}", claire.reads());
    claire.taps("Toutes les éditions").await;
    claire.taps("Préparer celle de la semaine").await;
    assert!(claire.reads().starts_with("La période 2026-W48 a déjà l’édition n° 2"), "{}", claire.reads());
}

#[tokio::test]
async fn long_lists_are_paged() {
    let newsroom = Newsroom::with_digest(66).await;
    newsroom.drafts((1..=12).map(|number| news(number, number)).collect()).await;
    let mut claire = newsroom.editor();
    claire.locale = Locale::En;
    claire.sends("editions 1").await;
    claire.taps("Entries").await;
    let first = claire.reads();
    claire.taps("Further").await;
    let second = claire.reads();
    let shown = |page: &str| page.matches("[Nouvelle").count();
    assert_eq!((shown(&first), shown(&second)), (8, 4));
    claire.taps("Nouvelle 1 ").await;
    claire.taps("← The entries").await;
    assert_eq!(claire.reads(), second);
    claire.taps("Back").await;
    assert_eq!(claire.reads(), first);
    for _ in 0..12 {
        newsroom.bench.clock.advance(chrono::TimeDelta::days(7));
        newsroom.fires("draft:weekly").await;
    }
    claire.sends("editions").await;
    assert!(claire.reads().contains("[Older (5)]"), "{}", claire.reads());
    claire.taps("Older").await;
    assert!(claire.reads().contains("number 1, 2026-W48: draft, 12 entries"), "{}", claire.reads());
    claire.taps("Newer").await;
    assert!(claire.reads().contains("number 13,"), "{}", claire.reads());
}

#[tokio::test]
async fn nobody_else_edits() {
    let newsroom = Newsroom::with_digest(67).await;
    newsroom.drafts_some().await;
    let mut claire = newsroom.editor();
    claire.sends("editions 1").await;
    let approve = claire.button("Approuver");
    claire.taps("Passer").await;
    // The role is taken away meanwhile.
    claire.caller.roles.clear();
    claire.writes("Je passe").await;
    assert_eq!(claire.reads(), "C’est réservé aux organisateurs.");
    let mut ana = newsroom.editor();
    ana.caller = newsroom.bench.somebody(Assurance::Session);
    ana.presses(&approve).await;
    assert_eq!(ana.reads(), "C’est réservé aux organisateurs.");
    ana.caller = newsroom.bench.organiser();
    ana.sends("editions douze").await;
    assert!(ana.reads().contains("/editions 12"), "{}", ana.reads());
    ana.sends("editions 12").await;
    assert!(ana.reads().starts_with("Il n’y a pas d’édition n° 12"), "{}", ana.reads());
}
