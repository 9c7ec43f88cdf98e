//! Answering in chat: one question a message, back and forth, a review, then the ballot.
//!
//! The question is edited in place under one message key per consultation, so the chat does not fill up, and the
//! answers disappear from the screen once they are cast. A ballot is never shown again: an address that was linked
//! once must not read what another one chose.

use bot_core::message::Document;
use bot_core::plugin::{Context, HandlerResult};

use crate::action::{Action, Verb};
use crate::answer::Answer;
use crate::ballot;
use crate::definition::QuestionKind;
use crate::results;
use crate::rooms;
use crate::store::{self, Consultation, Lock, State};
use crate::talk::{Place, Talk, read_awaited};
use crate::words::{moment, text};

/// Consultations listed in one message.
const LISTED_MAX: usize = 10;

/// `/consultations`: what is open, with a button each, after the first `listed` ones.
pub(crate) async fn list(cx: &mut Context, listed: usize) -> HandlerResult {
    let Some(caller) = cx.caller.clone() else { return Ok(()) };
    let (organisation, now, locale) = (cx.organisation.id, cx.now, cx.locale);
    let open = store::list(cx.sql(), organisation, &[State::Open]).await?;
    let open: Vec<Consultation> = open.into_iter().filter(|found| found.takes_ballots(now)).collect();
    // Some may have closed since the button was made: then from the beginning.
    let listed = if listed < open.len() { listed } else { 0 };
    let left = open.len().saturating_sub(listed + LISTED_MAX);
    if open.is_empty() {
        cx.reply(Document::says(text(locale, "list-none", &[])));
        return Ok(());
    }
    let mut document = Document::new().heading(text(locale, "list-heading", &[]));
    let mut items = Vec::new();
    let mut choices = Vec::new();
    for consultation in open.into_iter().skip(listed).take(LISTED_MAX) {
        let zone = consultation.definition.time_zone.unwrap_or(cx.organisation.time_zone);
        let title = consultation.definition.title.in_locale(locale).to_owned();
        let closing = consultation.closes_at.map(|instant| moment(locale, instant, zone)).unwrap_or_default();
        items.push(text(locale, "list-item", &[("title", title.as_str().into()), ("closing", closing.into())]));
        // Whether somebody voted is not told in front of others.
        let answered = caller.conversation.private
            && ballot::has_cast(cx.sql(), organisation, &consultation, &caller.addresses).await?;
        let id = if answered { "list-answered" } else { "list-answer" };
        let action = Action::new(Verb::Answer, consultation.id, consultation.version);
        choices.push((text(locale, id, &[("title", title.into())]), action.payload()));
    }
    document = document.list(items);
    for (label, payload) in choices {
        document = document.choice(label, payload);
    }
    if left > 0 {
        let action = Action::further(Verb::List, listed + LISTED_MAX);
        document = document.step(text(locale, "list-more", &[("count", left.into())]), action.payload());
    }
    cx.reply(document);
    Ok(())
}

/// A press on one of a participant's buttons.
pub(crate) async fn press(cx: &mut Context, action: Action) -> HandlerResult {
    let Some(caller) = cx.caller.clone() else { return Ok(()) };
    let organisation = cx.organisation.id;
    if action.verb == Verb::List {
        return list(cx, action.argument.into()).await;
    }
    if action.verb.shows_choice() {
        cx.reveals_choice(action.consultation.scope());
    }
    // What is checked below must still hold when an answer or a ballot is written: a closing deletes them all, and
    // one written behind its back would stay.
    let lock = if action.verb == Verb::Results { Lock::None } else { Lock::Voting };
    let Some(consultation) = store::find(cx.sql(), organisation, action.consultation, lock).await? else {
        let locale = cx.locale;
        cx.reply(Document::says(text(locale, "unknown", &[])));
        return Ok(());
    };
    if action.verb == Verb::Results {
        return results::reply(cx, &consultation).await;
    }
    let mut talk = Talk { cx, caller, consultation };
    if action.verb == Verb::Answer {
        return rooms::open_to(talk).await;
    }
    if let Some(obstacle) = talk.obstacle().await? {
        talk.cx.reply(obstacle);
        return Ok(());
    }
    match action.verb {
        Verb::Agree => talk.agree().await,
        Verb::Decline => {
            talk.drop_draft().await?;
            let document = Document::says(talk.script().say("consent-declined", &[]));
            talk.show(Place::Same, document, false);
            Ok(())
        }
        Verb::Choose | Verb::Toggle | Verb::Next | Verb::Back | Verb::Skip => talk.step(action).await,
        Verb::Cast => talk.cast().await,
        Verb::Change => talk.change().await,
        Verb::Withdraw => {
            let document = Document::says(talk.script().say_of_it("withdraw-ask"))
                .choice(
                    talk.script().say("withdraw-confirm", &[]),
                    talk.script().action(Verb::ConfirmWithdrawal).payload(),
                )
                .choice(talk.script().say("withdraw-keep", &[]), talk.script().action(Verb::KeepBallot).payload());
            talk.show(Place::Same, document, false);
            Ok(())
        }
        Verb::ConfirmWithdrawal => talk.withdraw().await,
        Verb::KeepBallot => talk.take_up(Place::Same, None).await,
        Verb::Abandon => talk.abandon().await,
        // Handled above, or an organiser's.
        _ => Ok(()),
    }
}

/// A written answer.
pub(crate) async fn written(cx: &mut Context, name: &str, written: &str) -> HandlerResult {
    let (Some(caller), Some((id, version, question))) = (cx.caller.clone(), read_awaited(name)) else { return Ok(()) };
    cx.reveals_choice(id.scope());
    let organisation = cx.organisation.id;
    let Some(consultation) = store::find(cx.sql(), organisation, id, Lock::Voting).await? else { return Ok(()) };
    let mut talk = Talk { cx, caller, consultation };
    if let Some(obstacle) = talk.obstacle().await? {
        talk.cx.reply(obstacle);
        return Ok(());
    }
    let current = talk.draft().await?.filter(|draft| version == draft.version && question == draft.position);
    let asked = talk.consultation.definition.questions.get(question).cloned();
    let (Some(mut draft), Some(asked)) = (current, asked) else {
        let notice = talk.script().say("stale", &[]);
        return talk.take_up(Place::New, Some(notice)).await;
    };
    let QuestionKind::FreeText { characters_max } = asked.kind else {
        return talk.take_up(Place::New, None).await;
    };
    let words = written.trim();
    let characters = words.chars().count();
    let refusal = if words.is_empty() {
        Some(talk.script().say("text-empty", &[]))
    } else if characters > usize::from(characters_max) {
        Some(talk.script().say("text-too-long", &[("characters", characters.into()), ("most", characters_max.into())]))
    } else {
        None
    };
    if refusal.is_none() {
        let was_empty = draft.answers.is_empty();
        draft.answers.set(question, Some(Answer::Text(words.to_owned())));
        draft.position += 1;
        talk.keep(&draft).await?;
        if was_empty {
            talk.note_answered(false);
        }
    }
    // Below what was just written: the question above it would be missed.
    talk.show_draft(Place::New, &draft, refusal);
    Ok(())
}

#[cfg(test)]
mod tests {
    use bot_core::adapter::Assurance;
    use bot_core::plugin::Effect;

    use crate::bench::{MARKET, Town};
    use crate::operations;
    use crate::store::ConsultationId;

    #[tokio::test]
    async fn a_citizen_answers_one_question_and_reads_the_result() {
        let town = Town::new(1).await;
        town.opens(&format!("results_from_ballots = 1\nresults_step = 1\n{MARKET}")).await;
        let mut ana = town.citizen();
        ana.sends("consultations").await;
        insta::assert_snapshot!(ana.reads(), @r"
        Consultations en cours
        • La place du marché : jusqu’au mardi 15 septembre 2026 à 10 h
        [Répondre : La place du marché]
        ");
        ana.taps("Répondre").await;
        insta::assert_snapshot!(ana.reads(), @r"
        La place du marché
        Consultation anonyme : après la clôture, crieur lui-même ne peut plus savoir qui a répondu quoi ; une sauvegarde antérieure le pourrait encore. Vous pouvez répondre jusqu’au mardi 15 septembre 2026 à 10 h.
        Que faire de la place ?
        Choisissez une réponse.
        [Halle couverte]
        [Jardin]
        [Parking]
        [Voir les résultats sans répondre]
        ");
        ana.taps("Halle couverte").await;
        insta::assert_snapshot!(ana.reads(), @r"
        Relisez vos réponses
        • Que faire de la place ? Halle couverte
        Votre bulletin n’est pas encore enregistré : appuyez sur « Déposer mon bulletin ».
        [Déposer mon bulletin]
        [← Revenir]
        [Arrêter]
        ");
        ana.taps("Déposer").await;
        insta::assert_snapshot!(ana.reads(), @r"
        Votre bulletin est enregistré. Merci !
        Vous pouvez le modifier ou le retirer jusqu’au mardi 15 septembre 2026 à 10 h. Pour que personne ne puisse le lire, je ne réaffiche jamais un bulletin déposé.
        [Voir les résultats]
        [Modifier mon bulletin]
        [Retirer mon bulletin]
        ");
        ana.taps("Voir les résultats").await;
        insta::assert_snapshot!(ana.reads(), @r"
        Résultats : La place du marché
        Résultats provisoires sur 1 bulletin.
        Participation : 1 bulletin (1 depuis un navigateur, un par session).
        Que faire de la place ?
        « Halle couverte » arrive en tête avec 1 voix sur 1 bulletin (100 %).
        Choix | Voix | Part
        Halle couverte | 1 | 100 %
        Jardin | 0 | 0 %
        Parking | 0 | 0 %
        Graphique : « Halle couverte » arrive en tête avec 1 voix sur 1 bulletin (100 %).
        ");
    }

    #[tokio::test]
    async fn a_long_list_goes_on_behind_a_button() {
        let town = Town::new(29).await;
        for number in 1..=11 {
            town.opens(&MARKET.replace("place-du-marche", &format!("place-{number}"))).await;
        }
        let mut ana = town.citizen();
        ana.sends("consultations").await;
        assert_eq!(ana.sees.choices.len(), 11);
        let more = ana.sees.choices[10].clone();
        assert_eq!(more.label, "Suite (encore 1)");
        ana.presses(&more).await;
        insta::assert_snapshot!(ana.reads(), @r"
        Consultations en cours
        • La place du marché : jusqu’au mardi 15 septembre 2026 à 10 h
        [Répondre : La place du marché]
        ");
        town.operator(async |cx| Ok(operations::close(cx, ConsultationId(3)).await.unwrap())).await;
        ana.presses(&more).await;
        assert_eq!(ana.sees.choices.len(), 10, "what went on is gone: from the beginning");

        let mut organiser = town.organiser();
        for number in 12..=14 {
            town.opens(&MARKET.replace("place-du-marche", &format!("place-{number}"))).await;
        }
        organiser.sends("mes_consultations").await;
        assert_eq!(organiser.sees.choices.len(), 13);
        organiser.taps("Suite (encore 2)").await;
        let labels: Vec<_> = organiser.sees.choices.iter().map(|choice| choice.label.as_str()).collect();
        assert_eq!(labels, ["La place du marché", "La place du marché", "← Revenir"]);
        organiser.taps("←").await;
        assert_eq!(organiser.sees.choices.len(), 13);
    }

    const FOUR: &str = r#"slug = "participer"
title = { fr = "Participer", en = "Taking part" }
duration_days = 7
anonymity = "anonymous"

[[questions]]
kind = "single"
text = { fr = "Par internet ?", en = "Online?" }
options = ["Oui", "Non"]

[[questions]]
kind = "multiple"
at_least = 2
at_most = 2
text = "Quels outils ?"
options = ["Budget participatif", "Signalement", "Données ouvertes"]

[[questions]]
kind = "rating"
optional = true
text = "Utile ?"
scale = ["Pas du tout", "Un peu", "Beaucoup"]

[[questions]]
kind = "free_text"
characters_max = 20
text = "Une idée ?"
"#;

    #[tokio::test]
    async fn four_kinds_of_questions_back_and_forth() {
        let town = Town::new(21).await;
        town.opens(FOUR).await;
        let mut ana = town.citizen();
        ana.sends("consultations").await;
        ana.taps("Répondre").await;
        ana.taps("Oui").await;
        insta::assert_snapshot!(ana.reads(), @r"
        Question 2/4
        Quels outils ?
        Choisissez 2 réponses, puis « Continuer ».
        [Budget participatif]
        [Signalement]
        [Données ouvertes]
        [← Revenir]
        [Continuer →]
        [Arrêter]
        ");
        // Too few, then one too many.
        ana.taps("Signalement").await;
        ana.taps("Continuer").await;
        assert!(ana.reads().contains("au moins 2 réponses"), "{}", ana.reads());
        ana.taps("Budget").await;
        ana.taps("Données").await;
        insta::assert_snapshot!(ana.reads(), @r"
        2 réponses au plus : retirez-en une avant d’en choisir une autre.
        Question 2/4
        Quels outils ?
        Choisissez 2 réponses, puis « Continuer ».
        [Budget participatif ✓]
        [Signalement ✓]
        [Données ouvertes]
        [← Revenir]
        [Continuer →]
        [Arrêter]
        ");
        ana.taps("← Revenir").await;
        insta::assert_snapshot!(ana.reads(), @r"
        Participer
        Consultation anonyme : après la clôture, crieur lui-même ne peut plus savoir qui a répondu quoi ; une sauvegarde antérieure le pourrait encore. Vous pouvez répondre jusqu’au mardi 8 septembre 2026 à 10 h.
        Question 1/4
        Par internet ?
        Choisissez une réponse.
        [Oui ✓]
        [Non]
        [Continuer →]
        ");
        ana.taps("Continuer").await;
        ana.taps("Continuer").await;
        ana.taps("Passer").await;
        insta::assert_snapshot!(ana.reads(), @r"
        Question 4/4
        Une idée ?
        Écrivez votre réponse dans un message (20 caractères au plus).
        [← Revenir]
        [Arrêter]
        ");
        ana.writes("bien plus de vingt caractères").await;
        assert!(ana.reads().contains("fait 29 caractères ; il en faut 20 au plus"), "{}", ana.reads());
        ana.writes("un atelier").await;
        insta::assert_snapshot!(ana.reads(), @r"
        Relisez vos réponses
        • Par internet ? Oui
        • Quels outils ? Budget participatif, Signalement
        • Utile ? sans réponse
        • Une idée ? un atelier
        Votre bulletin n’est pas encore enregistré : appuyez sur « Déposer mon bulletin ».
        [Déposer mon bulletin]
        [← Revenir]
        [Arrêter]
        ");
        ana.taps("Déposer").await;
        assert!(ana.reads().starts_with("Votre bulletin est enregistré. Merci !"));
    }

    #[tokio::test]
    async fn a_draft_is_taken_up_where_it_was_left_and_a_stale_press_shows_it() {
        let town = Town::new(22).await;
        town.opens(FOUR).await;
        let mut ana = town.citizen();
        ana.sends("consultations").await;
        ana.taps("Répondre").await;
        let first = ana.sees.choices[1].clone();
        ana.taps("Oui").await;
        ana.presses(&first).await;
        insta::assert_snapshot!(ana.reads().lines().next().unwrap(), @"Ce bouton appartenait à une question précédente. Voici où vous en êtes.");
        assert!(ana.reads().contains("Quels outils ?"));
        ana.sends("consultations").await;
        ana.taps("Répondre").await;
        assert!(ana.reads().contains("Question 2/4"), "{}", ana.reads());
        ana.taps("Arrêter").await;
        assert!(ana.reads().contains("ont été jetées"));
        // The first answer of the abandoned draft is gone too.
        ana.sends("consultations").await;
        ana.taps("Répondre").await;
        assert!(!ana.reads().contains('✓'));
    }

    #[tokio::test]
    async fn a_ballot_is_changed_withdrawn_and_never_shown_again() {
        let town = Town::new(23).await;
        town.opens(MARKET).await;
        let mut ana = town.citizen();
        ana.sends("consultations").await;
        ana.taps("Répondre").await;
        ana.taps("Jardin").await;
        let cast = ana.sees.choices[0].clone();
        ana.taps("Déposer").await;
        // The same press again, as an impatient finger does.
        ana.presses(&cast).await;
        assert!(ana.reads().contains("Votre bulletin est enregistré"), "{}", ana.reads());
        ana.taps("Modifier").await;
        assert!(!ana.reads().contains('✓'), "a cast ballot was shown: {}", ana.reads());
        ana.taps("Parking").await;
        ana.taps("Déposer").await;
        assert!(ana.reads().contains("il remplace le précédent"));
        ana.taps("Retirer").await;
        ana.taps("Oui, le retirer").await;
        insta::assert_snapshot!(ana.reads(), @r"
        Votre bulletin est retiré : il ne compte plus.
        [Répondre]
        ");
        ana.taps("Répondre").await;
        ana.taps("Jardin").await;
        ana.taps("Déposer").await;
        let counts = town.operator(async |cx| operations::list(cx.sql(), town.bench.organisation.id).await).await.0;
        assert_eq!(counts[0].ballots, 1);
    }

    #[tokio::test]
    async fn without_changes_the_first_ballot_stands() {
        let town = Town::new(24).await;
        town.opens(&format!("change_vote = false\n{MARKET}")).await;
        let mut ana = town.citizen();
        ana.sends("consultations").await;
        ana.taps("Répondre").await;
        ana.taps("Jardin").await;
        ana.taps("Déposer").await;
        insta::assert_snapshot!(ana.reads(), @r"
        Votre bulletin est enregistré. Merci !
        Il ne peut plus être modifié.
        [Voir les résultats]
        ");
        ana.sends("consultations").await;
        ana.taps("Revoir").await;
        assert!(ana.sees.choices.iter().all(|choice| !choice.label.starts_with("Modifier")));
    }

    #[tokio::test]
    async fn in_a_group_nobody_answers_and_hidden_results_stay_hidden() {
        let town = Town::new(25).await;
        town.opens(FOUR).await;
        let mut ana = town.citizen();
        ana.sends("consultations").await;
        let answer = ana.sees.choices[0].clone();
        ana.taps("Répondre").await;
        let option = ana.sees.choices[0].clone();
        ana.caller.conversation.private = false;
        ana.presses(&option).await;
        insta::assert_snapshot!(ana.reads(), @"Ici, d’autres personnes peuvent lire vos réponses. Écrivez-moi en message privé, envoyez /consultations et répondez à « Participer » à l’abri des regards.");
        ana.presses(&answer).await;
        insta::assert_snapshot!(ana.reads(), @r"
        « Participer » : la suite se passe en message privé, à l’abri des regards. Si vous n’y voyez rien de moi, ouvrez la conversation vous-même :
        Répondre en privé
        ");
        ana.sends("resultats participer").await;
        insta::assert_snapshot!(ana.reads(), @"Les résultats de « Participer » se lisent en message privé jusqu’à la clôture, le mardi 8 septembre 2026 à 10 h.");
    }

    #[tokio::test]
    async fn a_consultation_for_accounts_turns_a_browser_away_until_it_is_linked() {
        let town = Town::new(26).await;
        town.opens(&format!("accepts = [\"account\"]\n{MARKET}")).await;
        let mut ana = town.citizen();
        ana.sends("consultations").await;
        ana.taps("Répondre").await;
        insta::assert_snapshot!(ana.reads(), @"« La place du marché » est réservée aux personnes qui écrivent depuis un compte de messagerie. Depuis votre messagerie, envoyez-moi /consultations ; ou reliez-la à cette conversation avec /lier.");
        ana.caller.addresses.push(town.bench.somebody(Assurance::Account).known);
        ana.sends("consultations").await;
        ana.taps("Répondre").await;
        assert!(ana.reads().contains("Que faire de la place ?"));
    }

    #[tokio::test]
    async fn a_named_consultation_asks_for_consent_first_and_an_erasure_takes_the_name_off() {
        let town = Town::new(27).await;
        let source = MARKET.replace("anonymity = \"anonymous\"", "anonymity = \"named\"");
        let id = town.opens(&source).await.id;
        let mut ana = town.citizen();
        ana.sends("consultations").await;
        ana.taps("Répondre").await;
        insta::assert_snapshot!(ana.reads(), @r"
        Votre accord
        « La place du marché » n’est pas anonyme : vos réponses seront conservées avec votre compte et l’équipe organisatrice pourra les lire. Elles peuvent révéler vos opinions. Acceptez-vous qu’elles soient enregistrées sous votre nom, pour cette consultation seulement ? Vous pourrez demander leur effacement à tout moment avec /effacer.
        [J’accepte]
        [Je refuse]
        ");
        ana.taps("Je refuse").await;
        assert!(ana.reads().contains("rien n’a été enregistré"));
        ana.sends("consultations").await;
        ana.taps("Répondre").await;
        ana.taps("J’accepte").await;
        ana.taps("Jardin").await;
        ana.taps("Déposer").await;
        let contact = ana.caller.contact;
        let exported =
            town.operator(async |cx| bot_core::plugin::Plugin::export(&town.plugin, cx, contact).await).await;
        assert_eq!(exported.0["named_ballots"][0]["consultation"], "place-du-marche");
        town.operator(async |cx| crate::links::erased(cx, contact, &[]).await).await;
        let row =
            sqlx::query!("SELECT contact_id FROM micro_consultations.named_ballot WHERE consultation_id = $1", id.0)
                .fetch_one(&town.bench.pool)
                .await
                .unwrap();
        assert_eq!(row.contact_id, None);
        // Coming back under the same address gives no second ballot.
        ana.caller.contact = town.bench.somebody(Assurance::Session).contact;
        ana.sends("consultations").await;
        ana.taps("Revoir").await;
        assert!(ana.reads().contains("est enregistré"), "{}", ana.reads());
    }

    #[tokio::test]
    async fn everything_that_shows_a_choice_says_so() {
        let town = Town::new(28).await;
        let scope = town.opens(FOUR).await.id.scope();
        let mut ana = town.citizen();
        let flagged = |effects: &[Effect]| {
            effects.iter().any(|effect| matches!(effect, Effect::RevealsChoice { scope: told } if *told == scope))
        };
        let shown = |effects: &[Effect]| {
            effects.iter().all(|effect| match effect {
                Effect::Reply(reply) => reply.reveals.as_ref() == Some(&scope),
                Effect::Edit(edit) => edit.reveals.as_ref() == Some(&scope),
                _ => true,
            })
        };
        ana.sends("consultations").await;
        ana.taps("Répondre").await;
        for label in ["Oui", "Signalement", "Budget", "Continuer", "2 – Un peu"] {
            ana.taps(label).await;
            assert!(flagged(&ana.effects) && shown(&ana.effects), "{label}");
        }
        ana.writes("un atelier").await;
        assert!(flagged(&ana.effects) && shown(&ana.effects));
        ana.taps("Déposer").await;
        // The receipt shows none, and takes the place of the review that did.
        assert!(
            flagged(&ana.effects)
                && ana.effects.iter().any(|effect| { matches!(effect, Effect::Edit(edit) if edit.reveals.is_none()) })
        );
    }
}
