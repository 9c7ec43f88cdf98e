use bot_core::plugin::{Effect, Event, KnownAddress, Purpose};
use bot_core::{ContactId, Locale};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::bench::Desk;
use crate::chat_bench::{Reader, SURVEY, answer, contact, hears, noted, record, waits};
use crate::store::CampaignId;

/// Commune 1 with contacts 1 and 2, commune 3 with contact 3; the invitation was sent on 8 September.
async fn town(seed: u64) -> (Desk, CampaignId) {
    let mut desk = Desk::new(seed).await;
    desk.contacts(1..=1, None, 1, true).await;
    desk.contacts(2..=2, Some(1), 2, true).await;
    desk.contacts(3..=3, None, 1, true).await;
    let campaign = desk.approved(SURVEY).await;
    desk.until("2026-09-10T08:00:00Z").await;
    (desk, campaign)
}

#[tokio::test]
async fn a_reminder_is_put_off_to_a_day() {
    let (mut desk, campaign) = town(801).await;
    let mut ana = Reader::new(&desk, 1);
    assert_eq!(
        waits(&desk, contact(1)).await,
        ["relance-1 09-22 09:00", "relance-2 10-06 09:00", "derniere 11-10 09:00"]
    );
    ana.gets(campaign, 0);
    insta::assert_snapshot!(ana.reads(), @r"
    Bonjour
    [Répondre ici]
    [Me le rappeler plus tard]
    [Déjà répondu]
    [Ce n’est pas pour moi]
    [Ne plus recevoir de rappels]
    ");
    ana.taps(&mut desk, "Me le rappeler").await;
    assert!(!ana.edited, "the organiser’s words stay");
    insta::assert_snapshot!(ana.reads(), @r"
    Quand voulez-vous que je vous le rappelle ? Vous pouvez répondre à « Baromètre 2026 » jusqu’au vendredi 13 novembre 2026 à 18 h.
    [Demain (vendredi 11 septembre 2026)]
    [La semaine prochaine (lundi 14 septembre 2026)]
    [Une autre date]
    [← Revenir]
    ");
    ana.taps(&mut desk, "Demain").await;
    assert!(ana.edited);
    insta::assert_snapshot!(ana.reads(), @r"
    C’est noté : rien avant le vendredi 11 septembre 2026. Le prochain rappel prévu part le mardi 22 septembre 2026 à 9 h ; je ne peux pas en envoyer d’autre.
    Répondre au questionnaire (https://enquetes.example.org/12345?token=ma3i2rxrmh3u2m25)
    [Répondre ici]
    [Choisir une autre date]
    [Déjà répondu]
    [Ne plus recevoir de rappels]
    ");
    assert_eq!(waits(&desk, contact(1)).await.len(), 3, "no more than what was approved");

    ana.taps(&mut desk, "Choisir une autre date").await;
    ana.taps(&mut desk, "Une autre date").await;
    insta::assert_snapshot!(ana.reads(), @r"
    Écrivez la date, par exemple 15/10, 15 octobre ou lundi.
    [← Revenir]
    ");
    ana.writes(&mut desk, "bientôt").await;
    insta::assert_snapshot!(ana.reads(), @r"
    Je n’ai pas compris cette date. Écrivez-la par exemple ainsi : 15/10, 15 octobre, lundi ou dans 3 jours.
    [← Revenir]
    ");
    ana.writes(&mut desk, "9 septembre").await;
    insta::assert_snapshot!(ana.reads().lines().next().unwrap(), @"Le mercredi 9 septembre 2026 est déjà là ou passé. Écrivez une date à venir, avant le vendredi 13 novembre 2026 à 18 h.");
    ana.writes(&mut desk, "1er décembre").await;
    insta::assert_snapshot!(ana.reads().lines().next().unwrap(), @"Il serait trop tard : « Baromètre 2026 » se termine le vendredi 13 novembre 2026 à 18 h. Écrivez une date plus proche.");
    ana.writes(&mut desk, "12 octobre").await;
    insta::assert_snapshot!(ana.reads(), @r"
    C’est noté : je vous le rappellerai à partir du lundi 12 octobre 2026 à 9 h, pas avant. Un autre rappel, prévu d’ici là, ne partira pas.
    Répondre au questionnaire (https://enquetes.example.org/12345?token=ma3i2rxrmh3u2m25)
    [Répondre ici]
    [Choisir une autre date]
    [Déjà répondu]
    [Ne plus recevoir de rappels]
    ");
    assert_eq!(ana.awaited, None);
    assert_eq!(waits(&desk, contact(1)).await, ["relance-2 10-12 09:00", "derniere 11-10 09:00"]);
    assert_eq!(record(&desk, contact(1)).await, ["later", "later"]);
    // The deputy is not concerned.
    assert_eq!(waits(&desk, contact(2)).await.len(), 3);

    // An earlier day gives back what the later one had dropped.
    ana.taps(&mut desk, "Choisir une autre date").await;
    ana.taps(&mut desk, "Une autre date").await;
    ana.writes(&mut desk, "24/09").await;
    assert_eq!(
        waits(&desk, contact(1)).await,
        ["relance-1 09-24 09:00", "relance-2 10-06 09:00", "derniere 11-10 09:00"]
    );
    desk.sent.clear();
    desk.until("2026-10-12T12:00:00Z").await;
    let to_ana: Vec<_> = desk.sent.iter().filter(|sent| sent.contains("Contact 1")).cloned().collect();
    assert_eq!(to_ana, ["09-24 09:00 relance-1 Contact 1", "10-06 09:00 relance-2 Contact 1"]);
}

#[tokio::test]
async fn where_nothing_is_planned_any_more_it_is_said_with_the_link() {
    let (mut desk, campaign) = town(802).await;
    desk.until("2026-11-11T08:00:00Z").await;
    let mut ana = Reader::new(&desk, 1);
    ana.gets(campaign, 3);
    ana.taps(&mut desk, "Me le rappeler").await;
    ana.taps(&mut desk, "Demain").await;
    insta::assert_snapshot!(hide_token(&ana.reads()), @r"
    C’est noté, mais plus aucun rappel n’est prévu pour vous : je ne pourrai pas vous réécrire à ce sujet. Gardez ce message.
    Répondre au questionnaire (https://enquetes.example.org/12345?token=…)
    [Répondre ici]
    [Choisir une autre date]
    [Déjà répondu]
    [Ne plus recevoir de rappels]
    ");
    // A button of a day that is over.
    let tomorrow = {
        ana.taps(&mut desk, "Choisir une autre date").await;
        ana.sees.choices[0].clone()
    };
    desk.until("2026-11-12T12:00:00Z").await;
    ana.presses(&mut desk, &tomorrow).await;
    assert!(ana.reads().starts_with("Le jeudi 12 novembre 2026 est déjà là ou passé."), "{}", ana.reads());
    desk.until("2026-11-13T12:00:00Z").await;
    ana.gets(campaign, 3);
    ana.taps(&mut desk, "Me le rappeler").await;
    assert!(ana.reads().contains("je ne pourrai plus vous le rappeler d’ici là"), "{}", ana.reads());
    desk.until("2026-11-14T12:00:00Z").await;
    ana.presses(&mut desk, &tomorrow).await;
    insta::assert_snapshot!(ana.reads(), @"« Baromètre 2026 » est terminé depuis le vendredi 13 novembre 2026 à 18 h. Merci de votre attention.");
    ana.sends(&mut desk, "questionnaires").await;
    insta::assert_snapshot!(ana.reads(), @"Aucun questionnaire ne vous attend en ce moment.");
}

fn hide_token(words: &str) -> String {
    match words.split_once("token=") {
        Some((before, after)) => {
            let end = after.find([')', '\n']).unwrap_or(after.len());
            format!("{before}token=…{}", &after[end..])
        }
        None => words.to_owned(),
    }
}

#[tokio::test]
async fn already_answered_stops_the_whole_collectivite_and_is_taken_back() {
    let (mut desk, campaign) = town(803).await;
    let (mut ana, mut bob) = (Reader::new(&desk, 1), Reader::new(&desk, 2));
    ana.gets(campaign, 0);
    ana.taps(&mut desk, "Déjà répondu").await;
    insta::assert_snapshot!(ana.reads(), @r"
    Vous avez indiqué que votre collectivité (Commune 1) a déjà répondu à « Baromètre 2026 ». Merci ! Plus personne de la collectivité ne recevra de rappel.
    [En fait, je n’ai pas encore répondu]
    ");
    assert_eq!(answer(&desk, "c1").await, "answered, declared");
    assert_eq!(waits(&desk, contact(1)).await.len() + waits(&desk, contact(2)).await.len(), 0);
    assert_eq!(waits(&desk, contact(3)).await.len(), 3);
    let stops = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::StopSubjects { .. }));
    assert!(stops(&ana.effects));
    // Bob learns it, and cannot take back what he did not say.
    bob.gets(campaign, 0);
    let not_answered = ana.sees.choices[0].clone();
    bob.taps(&mut desk, "Me le rappeler").await;
    insta::assert_snapshot!(bob.reads(), @"Quelqu’un de votre collectivité (Commune 1) a indiqué qu’elle a déjà répondu à « Baromètre 2026 ». Plus personne n’y recevra de rappel.");
    bob.presses(&mut desk, &not_answered).await;
    assert_eq!(answer(&desk, "c1").await, "answered, declared");

    desk.until("2026-09-25T08:00:00Z").await;
    ana.taps(&mut desk, "En fait").await;
    insta::assert_snapshot!(hide_token(&ana.reads()), @r"
    C’est noté, je n’en tiens plus compte.
    « Baromètre 2026 » attend la réponse de votre collectivité (Commune 1), jusqu’au vendredi 13 novembre 2026 à 18 h.
    Prochain rappel prévu : le mardi 6 octobre 2026 à 9 h.
    Répondre au questionnaire (https://enquetes.example.org/12345?token=…)
    [Répondre ici]
    [Me le rappeler plus tard]
    [Déjà répondu]
    [Ce n’est pas pour moi]
    [Ne plus recevoir de rappels]
    ");
    assert_eq!(answer(&desk, "c1").await, "silent");
    let resumed = |effect: &Effect| matches!(effect, Effect::ResumeSubject { subject, .. } if subject == "c1");
    assert!(ana.effects.iter().any(resumed));
    // What was missed meanwhile stays missed.
    for number in [1, 2] {
        assert_eq!(waits(&desk, contact(number)).await, ["relance-2 10-06 09:00", "derniere 11-10 09:00"]);
    }
    assert_eq!(record(&desk, contact(1)).await, ["already_answered invitation", "not_answered"]);
}

#[tokio::test]
async fn a_real_answer_is_not_taken_back_with_a_declared_one() {
    let (mut desk, campaign) = town(804).await;
    let mut ana = Reader::new(&desk, 1);
    ana.gets(campaign, 0);
    ana.taps(&mut desk, "Déjà répondu").await;
    noted(&mut desk, "questionnaire.answered", contact(2), true).await;
    assert_eq!(answer(&desk, "c1").await, "answered");
    ana.taps(&mut desk, "En fait").await;
    assert_eq!(answer(&desk, "c1").await, "answered");
    assert!(ana.reads().contains("est bien arrivée"), "{}", ana.reads());
    assert_eq!(waits(&desk, contact(1)).await, [""; 0]);
}

#[tokio::test]
async fn stop_is_for_one_person_and_this_campaign_unless_they_want_none_at_all() {
    let (mut desk, campaign) = town(805).await;
    let mut ana = Reader::new(&desk, 1);
    ana.gets(campaign, 1);
    ana.taps(&mut desk, "Ne plus recevoir").await;
    insta::assert_snapshot!(hide_token(&ana.reads()), @r"
    Vous ne recevrez plus de rappel pour « Baromètre 2026 ». Vous pouvez toujours répondre, jusqu’au vendredi 13 novembre 2026 à 18 h.
    Répondre au questionnaire (https://enquetes.example.org/12345?token=…)
    [Répondre ici]
    [Déjà répondu]
    [Reprendre les rappels]
    [Plus aucun rappel, d’aucun questionnaire]
    ");
    assert_eq!(waits(&desk, contact(1)).await, [""; 0]);
    assert_eq!(waits(&desk, contact(2)).await.len(), 3, "the deputy goes on");
    ana.taps(&mut desk, "Reprendre").await;
    assert_eq!(waits(&desk, contact(1)).await.len(), 3);
    ana.taps(&mut desk, "Ne plus recevoir").await;
    ana.taps(&mut desk, "Plus aucun rappel").await;
    insta::assert_snapshot!(ana.reads(), @r"
    C’est noté : vous ne recevrez plus aucun rappel de questionnaire. Si vous changez d’avis, voici ce que vous accepteriez :
    J’accepte que Ville de Trifouilly m’envoie ici des rappels pour les questionnaires auxquels je suis invité à répondre. Je peux arrêter à tout moment avec /rappels ou STOP.
    [J’accepte les rappels]
    ");
    let withdrawn = |effect: &Effect| matches!(effect, Effect::WithdrawConsent { purpose: Purpose::Reminder });
    assert!(ana.effects.iter().any(withdrawn));
    ana.taps(&mut desk, "J’accepte").await;
    let given = ana.effects.iter().find_map(|effect| match effect {
        Effect::Consent { wording, .. } => Some(wording.clone()),
        _ => None,
    });
    insta::assert_snapshot!(given.unwrap(), @"J’accepte que Ville de Trifouilly m’envoie ici des rappels pour les questionnaires auxquels je suis invité à répondre. Je peux arrêter à tout moment avec /rappels ou STOP.");
    assert_eq!(record(&desk, contact(1)).await, ["stop relance-1", "resume", "stop"]);
}

#[tokio::test]
async fn reminders_are_agreed_to_in_words_that_were_read() {
    let (mut desk, _) = town(806).await;
    let mut ana = Reader::new(&desk, 1);
    ana.sends(&mut desk, "rappels").await;
    insta::assert_snapshot!(ana.reads(), @r"
    Vous avez accepté de recevoir des rappels de questionnaires.
    [Plus aucun rappel, d’aucun questionnaire]
    ");
    sqlx::query!("UPDATE core.consent SET withdrawn_at = given_at").execute(&desk.bench.pool).await.unwrap();
    ana.locale = Locale::En;
    ana.sends(&mut desk, "rappels").await;
    insta::assert_snapshot!(ana.reads(), @r"
    You get no reminder of any questionnaire.
    I agree that Ville de Trifouilly sends me reminders here of the questionnaires I am invited to answer. I can stop at any time with /reminders or STOP.
    [I agree to reminders]
    ");
    let mut stranger = Reader::new(&desk, 77);
    stranger.sends(&mut desk, "rappels").await;
    insta::assert_snapshot!(stranger.reads(), @"Aucun questionnaire ne vous est destiné : il n’y a pas de rappel à régler.");
    stranger.sends(&mut desk, "questionnaires").await;
    insta::assert_snapshot!(stranger.reads(), @"Aucun questionnaire ne vous attend en ce moment.");
}

#[tokio::test]
async fn somebody_else_is_named_and_nothing_is_sent_to_them() {
    let (mut desk, campaign) = town(807).await;
    sqlx::query!(
        r#"UPDATE core.account SET private_link = '{"url": "https://t.example/bot?start={payload}", "carries_payload": true}'"#
    )
    .execute(&desk.bench.pool)
    .await
    .unwrap();
    let mut ana = Reader::new(&desk, 1);
    ana.gets(campaign, 0);
    ana.taps(&mut desk, "Ce n’est pas pour moi").await;
    insta::assert_snapshot!(ana.reads(), @r"
    C’est noté : je ne vous le rappellerai plus. Qui devrait répondre à « Baromètre 2026 » pour Commune 1 ? Écrivez son prénom et son nom, si cette personne en est d’accord : ils seront visibles de l’équipe organisatrice, et effacés si vous vous ravisez. Vous n’êtes pas obligé de donner un nom.
    [Je ne donne pas de nom]
    [En fait, c’est bien pour moi]
    ");
    assert_eq!(waits(&desk, contact(1)).await, [""; 0], "at once, before any name");
    ana.writes(&mut desk, "zoe@mairie.example").await;
    insta::assert_snapshot!(ana.reads().lines().next().unwrap(), @"Écrivez seulement un prénom et un nom, sur une ligne, en 100 caractères au plus, sans adresse ni numéro.");
    ana.writes(&mut desk, "  Zoé  Payet ").await;
    let words = ana.reads();
    let (before, after) = words.split_once("start=").unwrap();
    let shown = format!("{before}start=…{}", &after[after.find('\n').unwrap()..]);
    insta::assert_snapshot!(shown, @r"
    C’est noté : « Baromètre 2026 » n’est pas pour vous, je ne vous le rappellerai plus.
    Vous avez proposé Zoé Payet. Transmettez-lui vous-même ce lien personnel, par le moyen de votre choix :
    • bench : https://t.example/bot?start=…
    Je n’écris pas à cette personne : elle ne recevra rien de moi avant d’être venue par ce lien, et aucun rappel avant que l’équipe organisatrice ne l’ait ajoutée. Le lien ne sert qu’une fois, jusqu’au vendredi 13 novembre 2026 à 18 h.
    [En fait, c’est bien pour moi]
    ");
    let sends = |effect: &Effect| matches!(effect, Effect::Send(_) | Effect::SendEach { .. });
    assert!(!ana.effects.iter().any(sends));
    // One proposal: another name is not asked for.
    ana.gets(campaign, 0);
    ana.taps(&mut desk, "Ce n’est pas pour moi").await;
    assert!(ana.reads().contains("Vous avez proposé Zoé Payet") && ana.awaited.is_none(), "{}", ana.reads());
    let known = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM core.contact WHERE name = 'Zoé Payet'"#);
    assert_eq!(known.fetch_one(&desk.bench.pool).await.unwrap(), 1);
    // After all it is her: the name goes, the reminders come back.
    ana.taps(&mut desk, "En fait, c’est bien pour moi").await;
    let known = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM core.contact WHERE name = 'Zoé Payet'"#);
    assert_eq!(known.fetch_one(&desk.bench.pool).await.unwrap(), 0);
    assert_eq!(waits(&desk, contact(1)).await.len(), 3);
    assert_eq!(record(&desk, contact(1)).await, ["not_mine invitation", "mine"]);
}

#[tokio::test]
async fn a_name_that_led_nowhere_goes_with_the_campaign_or_with_whoever_gave_it() {
    let (mut desk, campaign) = town(815).await;
    for (number, name) in [(1, "Zoé Payet"), (3, "Yves Hoarau")] {
        let mut reader = Reader::new(&desk, number);
        reader.gets(campaign, 0);
        reader.taps(&mut desk, "Ce n’est pas pour moi").await;
        reader.writes(&mut desk, name).await;
    }
    let known = async |desk: &Desk| {
        sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM core.contact WHERE name IN ('Zoé Payet', 'Yves Hoarau')"#
        )
        .fetch_one(&desk.bench.pool)
        .await
        .unwrap()
    };
    assert_eq!(known(&desk).await, 2);
    hears(&mut desk, &Event::ContactErased { contact: contact(1), addresses: Vec::new() }).await;
    assert_eq!(known(&desk).await, 1);
    desk.until("2026-11-14T12:00:00Z").await;
    assert_eq!(known(&desk).await, 0);
}

#[tokio::test]
async fn the_questions_are_answered_here_and_a_second_answer_is_announced() {
    let (mut desk, campaign) = town(808).await;
    let (mut ana, mut bob) = (Reader::new(&desk, 1), Reader::new(&desk, 2));
    ana.gets(campaign, 0);
    ana.taps(&mut desk, "Répondre ici").await;
    assert_eq!(ana.handed_over().as_deref(), Some("repondre questions"));
    noted(&mut desk, "questionnaire.answered", contact(1), false).await;
    assert_eq!(answer(&desk, "c1").await, "started");
    bob.sends(&mut desk, "questionnaires").await;
    assert!(
        bob.reads().starts_with("La réponse de votre collectivité (Commune 1) à « Baromètre 2026 » est commencée.")
    );
    noted(&mut desk, "questionnaire.answered", contact(1), true).await;
    assert_eq!(answer(&desk, "c1").await, "answered");
    assert_eq!(waits(&desk, contact(2)).await, [""; 0]);

    bob.gets(campaign, 0);
    bob.taps(&mut desk, "Répondre ici").await;
    assert_eq!(bob.handed_over(), None);
    insta::assert_snapshot!(bob.reads(), @r"
    La réponse de votre collectivité (Commune 1) à « Baromètre 2026 » est bien arrivée. Merci ! Plus personne de la collectivité ne recevra de rappel.
    Une deuxième réponse sera gardée à part : c’est la première qui compte.
    [Répondre quand même]
    ");
    bob.taps(&mut desk, "Répondre quand même").await;
    assert_eq!(bob.handed_over().as_deref(), Some("repondre questions"));
    // Whoever answered looks at their own answer again.
    ana.gets(campaign, 0);
    ana.taps(&mut desk, "Répondre ici").await;
    assert_eq!(ana.handed_over().as_deref(), Some("repondre questions"));
    // … and withdraws it: nothing else says that the commune has answered.
    noted(&mut desk, "questionnaire.withdrawn", contact(1), false).await;
    assert_eq!(answer(&desk, "c1").await, "silent");
    assert_eq!(waits(&desk, contact(2)).await.len(), 3);
}

#[tokio::test]
async fn a_colleague_who_takes_no_part_may_answer_and_counts() {
    let (mut desk, campaign) = town(809).await;
    desk.contacts(4..=4, Some(1), 3, true).await;
    let (mut dora, mut eve) = (Reader::new(&desk, 4), Reader::new(&desk, 5));
    dora.sends(&mut desk, "questionnaires").await;
    insta::assert_snapshot!(dora.reads(), @r"
    Votre collectivité est invitée à répondre à « Baromètre 2026 ». Vous pouvez le faire ici.
    [Répondre ici : Baromètre 2026]
    ");
    dora.taps(&mut desk, "Répondre ici").await;
    assert_eq!(dora.handed_over().as_deref(), Some("repondre questions"));
    noted(&mut desk, "questionnaire.answered", contact(4), true).await;
    assert_eq!(answer(&desk, "c1").await, "answered");
    dora.sends(&mut desk, "questionnaires").await;
    assert!(dora.reads().contains("a déjà répondu"), "{}", dora.reads());
    // A message that was forwarded to somebody who has nothing to do with it.
    eve.gets(campaign, 0);
    eve.taps(&mut desk, "Déjà répondu").await;
    insta::assert_snapshot!(eve.reads(), @"Ce bouton ne vous concerne pas ou plus. Pour savoir ce qui vous attend, envoyez /questionnaires.");
    // What they answer is listed, never dropped.
    noted(&mut desk, "questionnaire.answered", contact(5), true).await;
    let listed = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM survey_reminders.answer_news WHERE respondent_key IS NULL"#
    );
    assert_eq!(listed.fetch_one(&desk.bench.pool).await.unwrap(), 1);
}

#[tokio::test]
async fn the_list_names_every_campaign_and_says_nothing_before_others() {
    let (mut desk, _) = town(810).await;
    let other = SURVEY.replace("\"barometre\"", "\"enquete\"").replace("Baromètre 2026", "Enquête");
    desk.approved(&other).await;
    let mut ana = Reader::new(&desk, 1);
    ana.sends(&mut desk, "questionnaires").await;
    insta::assert_snapshot!(ana.reads(), @r"
    Les questionnaires qui vous attendent
    • « Baromètre 2026 » attend la réponse de votre collectivité (Commune 1), jusqu’au vendredi 13 novembre 2026 à 18 h.
    • « Enquête » attend la réponse de votre collectivité (Commune 1), jusqu’au vendredi 13 novembre 2026 à 18 h.
    [Baromètre 2026]
    [Enquête]
    ");
    ana.taps(&mut desk, "Enquête").await;
    assert!(!ana.edited);
    assert!(ana.reads().starts_with("« Enquête » attend la réponse"), "{}", ana.reads());
    ana.caller.conversation.private = false;
    ana.sends(&mut desk, "questionnaires").await;
    insta::assert_snapshot!(ana.reads(), @r"
    Ici, d’autres personnes peuvent lire. Écrivez-moi en message privé.
    Ouvrir notre conversation privée
    ");
}

#[tokio::test]
async fn everything_is_said_in_english_too() {
    let (mut desk, campaign) = town(811).await;
    let mut ana = Reader::new(&desk, 1);
    ana.locale = Locale::En;
    ana.sends(&mut desk, "questionnaires").await;
    insta::assert_snapshot!(hide_token(&ana.reads()), @r"
    “Barometer 2026” waits for the answer of your local authority (Commune 1), until Friday 13 November 2026 at 18:00.
    Next planned reminder: Tuesday 22 September 2026 at 09:00.
    Answer the questionnaire (https://enquetes.example.org/12345?token=…)
    [Answer here]
    [Remind me later]
    [Already answered]
    [This is not for me]
    [No more reminders]
    ");
    ana.taps(&mut desk, "Remind me later").await;
    ana.taps(&mut desk, "Another day").await;
    ana.writes(&mut desk, "October 12th").await;
    insta::assert_snapshot!(ana.reads().lines().next().unwrap(), @"Noted: I will remind you from Monday 12 October 2026 at 09:00, not before. Another reminder, planned until then, will not go out.");
    ana.gets(campaign, 2);
    ana.taps(&mut desk, "This is not for me").await;
    ana.taps(&mut desk, "I give no name").await;
    insta::assert_snapshot!(ana.reads(), @r"
    All right, no name is noted.
    Noted: “Barometer 2026” is not for you, I will not remind you again.
    [In fact, it is for me]
    ");
    ana.taps(&mut desk, "In fact, it is for me").await;
    ana.taps(&mut desk, "Already answered").await;
    insta::assert_snapshot!(ana.reads(), @r"
    You said that your local authority (Commune 1) has already answered “Barometer 2026”. Thank you! Nobody there will be reminded again.
    [In fact, I have not answered yet]
    ");
}

fn merged(kept: ContactId, joiner: ContactId) -> Event {
    let none: Vec<KnownAddress> = Vec::new();
    Event::ContactsMerged { kept, joiner, kept_addresses: none.clone(), joiner_addresses: none }
}

#[tokio::test]
async fn of_two_participants_who_are_one_person_one_is_written_to() {
    let (mut desk, campaign) = town(812).await;
    let mut bob = Reader::new(&desk, 2);
    bob.gets(campaign, 0);
    bob.taps(&mut desk, "Me le rappeler").await;
    bob.taps(&mut desk, "Une autre date").await;
    bob.writes(&mut desk, "15/10").await;
    let token =
        sqlx::query_scalar!("SELECT token FROM survey_reminders.participant WHERE contact_id = $1", contact(2).0);
    let token = token.fetch_one(&desk.bench.pool).await.unwrap();
    hears(&mut desk, &merged(contact(1), contact(2))).await;
    assert_eq!(waits(&desk, contact(2)).await, [""; 0]);
    assert_eq!(waits(&desk, contact(1)).await.len(), 3);
    desk.sent.clear();
    desk.until("2026-10-14T08:00:00Z").await;
    assert!(!desk.sent.iter().any(|sent| sent.contains("Contact 1") || sent.contains("Contact 2")), "{:?}", desk.sent);
    // A link that was sent to the other one is still known, until the person leaves.
    let knows = async |desk: &Desk| {
        sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM survey_reminders.participant WHERE token = $1"#, token)
            .fetch_one(&desk.bench.pool)
            .await
            .unwrap()
    };
    assert_eq!(knows(&desk).await, 1);
    hears(&mut desk, &Event::ContactErased { contact: contact(1), addresses: Vec::new() }).await;
    assert_eq!(knows(&desk).await, 0);
    assert_eq!(waits(&desk, contact(1)).await, [""; 0]);
}

#[tokio::test]
async fn an_erasure_leaves_numbers_and_no_name() {
    let (mut desk, campaign) = town(813).await;
    let mut ana = Reader::new(&desk, 1);
    ana.gets(campaign, 0);
    ana.taps(&mut desk, "Déjà répondu").await;
    noted(&mut desk, "questionnaire.answered", contact(1), true).await;
    let before = desk.counts(campaign).await;
    hears(&mut desk, &Event::ContactErased { contact: contact(1), addresses: Vec::new() }).await;
    assert_eq!(desk.counts(campaign).await, before);
    assert_eq!(answer(&desk, "c1").await, "answered");
    let left = sqlx::query_scalar!(
        r#"
        SELECT (SELECT count(*) FROM survey_reminders.participant AS one WHERE one::text LIKE '%' || $1 || '%')
             + (SELECT count(*) FROM survey_reminders.answer_news AS one WHERE one::text LIKE '%' || $1 || '%')
             + (SELECT count(*) FROM survey_reminders.wish AS one WHERE one::text LIKE '%' || $1 || '%') AS "left!"
        "#,
        contact(1).to_string(),
    );
    assert_eq!(left.fetch_one(&desk.bench.pool).await.unwrap(), 0);
    let presses = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM survey_reminders.wish"#);
    assert_eq!(presses.fetch_one(&desk.bench.pool).await.unwrap(), 1);
}

#[tokio::test]
async fn one_message_in_the_outbox_is_called_off_for_whoever_pressed() {
    let (mut desk, campaign) = town(814).await;
    let step = "relance-1";
    sqlx::query!(
        r#"
        UPDATE survey_reminders.planned_message AS message SET state = 'handed', handed_at = due_at
        FROM survey_reminders.participant WHERE participant.id = message.participant_id AND message.step = $1
        "#,
        step,
    )
    .execute(&desk.bench.pool)
    .await
    .unwrap();
    let mut ana = Reader::new(&desk, 1);
    ana.gets(campaign, 0);
    ana.taps(&mut desk, "Ne plus recevoir").await;
    let called_off = ana.effects.iter().find_map(|effect| match effect {
        Effect::CancelMessages { subject, message_keys, .. } => Some((subject.clone(), message_keys.clone())),
        _ => None,
    });
    let (subject, keys) = called_off.unwrap();
    assert_eq!((subject.as_str(), keys.len()), ("c1", 1), "and not the deputy’s");
    assert!(keys[0].starts_with(step), "{keys:?}");
}

/// Something that may happen to a commune of two.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// One of the two presses the n-th button they see.
    Press(bool, usize),
    Write(bool, &'static str),
    /// A new reminder comes.
    Get(bool),
    List(bool),
    Finishes(bool),
    Withdraws(bool),
    Days(i64),
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        8 => (any::<bool>(), 0usize..6).prop_map(|(who, button)| Move::Press(who, button)),
        2 => (any::<bool>(), prop::sample::select(vec!["demain", "15/10", "hier", "Zoé Payet", "12 novembre"]))
            .prop_map(|(who, words)| Move::Write(who, words)),
        3 => any::<bool>().prop_map(Move::Get),
        1 => any::<bool>().prop_map(Move::List),
        1 => any::<bool>().prop_map(Move::Finishes),
        1 => any::<bool>().prop_map(Move::Withdraws),
        2 => (1i64..8).prop_map(Move::Days),
    ]
}

/// Whatever is pressed, written and told in whatever order: nothing waits for a commune that has answered, nothing
/// comes before its approved time, nobody who said stop is written to, and no message is made or lost.
#[test]
fn no_sequence_of_presses_leaves_a_reminder_after_an_answer() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let moves = prop::collection::vec(a_move(), 1..25);
    runner
        .run(&moves, |moves| {
            runtime.block_on(play(&moves));
            Ok(())
        })
        .unwrap();
}

async fn play(moves: &[Move]) {
    let (mut desk, campaign) = town(900).await;
    let mut readers = [Reader::new(&desk, 1), Reader::new(&desk, 2)];
    for reader in &mut readers {
        reader.gets(campaign, 0);
    }
    let count = async |desk: &Desk| {
        sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM survey_reminders.planned_message"#)
            .fetch_one(&desk.bench.pool)
            .await
            .unwrap()
    };
    let all = count(&desk).await;
    for one in moves {
        match *one {
            Move::Press(who, button) => {
                let reader = &mut readers[usize::from(who)];
                if let Some(choice) = reader.sees.choices.get(button).cloned() {
                    reader.presses(&mut desk, &choice).await;
                }
            }
            Move::Write(who, words) => {
                let reader = &mut readers[usize::from(who)];
                if reader.awaited.is_some() {
                    reader.writes(&mut desk, words).await;
                }
            }
            Move::Get(who) => readers[usize::from(who)].gets(campaign, 1),
            Move::List(who) => readers[usize::from(who)].sends(&mut desk, "questionnaires").await,
            Move::Finishes(who) => {
                noted(&mut desk, "questionnaire.answered", contact(u128::from(who) + 1), true).await;
            }
            Move::Withdraws(who) => {
                noted(&mut desk, "questionnaire.withdrawn", contact(u128::from(who) + 1), false).await;
            }
            Move::Days(days) => {
                let later = desk.bench.clock.now() + chrono::TimeDelta::days(days);
                desk.until(&later.to_rfc3339()).await;
            }
        }
        let wrong = sqlx::query_scalar!(
            r#"
            SELECT count(*) AS "count!" FROM survey_reminders.planned_message AS message
            JOIN survey_reminders.participant
              ON participant.organisation_id = message.organisation_id AND participant.id = message.participant_id
            JOIN survey_reminders.respondent
              ON respondent.organisation_id = message.organisation_id AND respondent.key = participant.respondent_key
            WHERE message.state = 'waiting'
              AND (respondent.state = 'answered' OR participant.wish IS NOT NULL OR message.due_at < message.earliest_at)
            "#
        );
        assert_eq!(wrong.fetch_one(&desk.bench.pool).await.unwrap(), 0, "after {one:?} of {moves:?}");
        assert_eq!(count(&desk).await, all, "after {one:?} of {moves:?}");
    }
}
