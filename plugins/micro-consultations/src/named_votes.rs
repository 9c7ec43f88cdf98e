//! Votes that others can read: a native poll or a reaction under an announcement. They are ballots of named
//! consultations only, of people who agreed to it before; and one more way to the one ballot that each has.

use bot_core::message::Document;
use bot_core::plugin::{Context, HandlerError, HandlerResult, MessageOrigin};
use chrono::{DateTime, Utc};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sqlx::types::Json;

use crate::answer::{Answer, Answers};
use crate::ballot::{self, CastOutcome, Consent, Paper, Voter, WithdrawalOutcome};
use crate::roll::Roll;
use crate::rooms::{VOTE_OPTIONS_MAX, announcement_key, in_private, open_options, poll_key};
use crate::store::{self, ConsultationId, Draft, Lock};
use crate::talk::{Place, Talk};

/// What somebody did in a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Vote {
    /// Chose this option.
    For(u8),
    /// Took back the choice of this option.
    Back(u8),
    /// Took back whatever they had chosen.
    Nothing,
}

/// What one reacts with to choose an option: 1️⃣ and so on, for the first ten.
pub(crate) fn key_of(option: usize) -> String {
    match option {
        0..9 => format!("{}\u{fe0f}\u{20e3}", option + 1),
        _ => "\u{1f51f}".to_owned(),
    }
}

/// The option a reaction stands for: a keycap, or the number itself.
pub(crate) fn option_of(key: &str) -> Option<u8> {
    let bare: String = key.trim().chars().filter(|c| !matches!(c, '\u{fe0f}' | '\u{20e3}')).collect();
    let number = if bare == "\u{1f51f}" { 10 } else { bare.parse::<u8>().ok()? };
    (1..=VOTE_OPTIONS_MAX).contains(&usize::from(number)).then(|| number - 1)
}

/// A vote on a message of ours that everybody there can read.
pub(crate) async fn heard(cx: &mut Context, message: &MessageOrigin, vote: Vote) -> HandlerResult {
    let id = message.scope.strip_prefix("consultation:").and_then(|id| id.parse().ok()).map(ConsultationId);
    let (Some(caller), Some(id)) = (cx.caller.clone(), id) else { return Ok(()) };
    let on_announcement =
        message.message_key.as_ref().is_some_and(|key| *key == announcement_key(id) || *key == poll_key(id));
    if !on_announcement {
        return Ok(());
    }
    cx.reveals_choice(id.scope());
    let organisation = cx.organisation.id;
    let Some(consultation) = store::find(cx.sql(), organisation, id, Lock::Voting).await? else { return Ok(()) };
    if !consultation.takes_ballots(cx.now) {
        return Ok(());
    }
    let room = caller.conversation.id;
    let votes = sqlx::query_scalar!(
        r#"
        SELECT votes FROM micro_consultations.room_announcement
        WHERE organisation_id = $1 AND consultation_id = $2 AND conversation_id = $3
        "#,
        organisation.0,
        id.0,
        room.0,
    )
    .fetch_optional(cx.sql())
    .await?;
    let mut talk = Talk { cx, caller, consultation };
    if votes != Some(true) {
        return match vote {
            Vote::For(_) if talk.consultation.is_anonymous() => talk.say_once("vote-anonymous").await,
            Vote::For(_) => talk.say_once("vote-not-here").await,
            Vote::Back(_) | Vote::Nothing => Ok(()),
        };
    }
    if let Some(refusal) = talk.not_for_them().await? {
        if talk.is_first_notice().await? {
            in_private(talk.cx, id, refusal, false);
        }
        return Ok(());
    }
    match vote {
        Vote::For(option) => talk.choose(option).await,
        Vote::Back(option) => talk.take_back(Some(option)).await,
        Vote::Nothing => talk.take_back(None).await,
    }
}

/// A named ballot as it counts now.
struct NamedBallot {
    answers: Answers,
    consent: Consent,
}

impl Talk<'_> {
    /// Tells the caller in private why what they did in the room is no ballot, the first time.
    async fn say_once(&mut self, id: &str) -> HandlerResult {
        if self.is_first_notice().await? {
            let document = self.script().answer_button(Document::says(self.script().say_of_it(id)));
            in_private(self.cx, self.consultation.id, document, false);
        }
        Ok(())
    }

    async fn is_first_notice(&mut self) -> Result<bool, HandlerError> {
        let (organisation, id, contact) = (self.cx.organisation.id, self.consultation.id, self.caller.contact);
        let noted = sqlx::query!(
            r#"
            INSERT INTO micro_consultations.room_notice (organisation_id, consultation_id, contact_id)
            VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
            "#,
            organisation.0,
            id.0,
            contact.0,
        )
        .execute(self.cx.sql())
        .await?;
        Ok(noted.rows_affected() > 0)
    }

    async fn own_ballot(&mut self) -> Result<Option<NamedBallot>, HandlerError> {
        let organisation = self.cx.organisation.id;
        let (consultation, sql) = (&self.consultation, self.cx.sql());
        let Some(roll) = Roll::of(organisation, consultation) else { return Ok(None) };
        let Some(entry) = roll.find(&mut *sql, &self.caller.addresses).await? else { return Ok(None) };
        let row = sqlx::query!(
            r#"
            SELECT answers AS "answers: Json<Answers>", consent_wording, consented_at
            FROM micro_consultations.named_ballot
            WHERE organisation_id = $1 AND consultation_id = $2 AND entry_id = $3
            "#,
            organisation.0,
            consultation.id.0,
            entry.id.0,
        )
        .fetch_optional(sql)
        .await?;
        Ok(row.map(|row| NamedBallot {
            answers: row.answers.0,
            consent: Consent { wording: row.consent_wording, given_at: row.consented_at },
        }))
    }

    async fn choose(&mut self, option: u8) -> HandlerResult {
        let count = open_options(&self.consultation).map_or(0, <[_]>::len);
        if usize::from(option) >= count {
            return Ok(());
        }
        let answers = Answers(vec![Some(Answer::Single(option))]);
        let before = self.own_ballot().await?;
        if before.as_ref().is_some_and(|before| before.answers == answers) {
            return Ok(());
        }
        let agreed = match before {
            Some(before) => Some(before.consent),
            None => {
                let given_at = self.draft().await?.and_then(|draft| draft.consented_at);
                given_at.map(|given_at| Consent { wording: self.script().consent_wording(), given_at })
            }
        };
        let Some(consent) = agreed else { return self.ask_for_consent(answers).await };
        self.record(&answers, &consent).await
    }

    /// Keeps what was chosen until the person has agreed, in private, that it is recorded under their name.
    async fn ask_for_consent(&mut self, answers: Answers) -> HandlerResult {
        // At the review: agreed to, it is cast with one press.
        let draft = Draft { position: 1, answers, ..self.empty_draft() };
        self.keep(&draft).await?;
        let lead = self.script().say_of_it("vote-needs-consent");
        self.take_up(Place::Private, Some(lead)).await
    }

    async fn record(&mut self, answers: &Answers, consent: &Consent) -> HandlerResult {
        let voter = Voter { contact: self.caller.contact, addresses: self.caller.addresses.clone() };
        let (organisation, now) = (self.cx.organisation.id, self.cx.now);
        let mut random = StdRng::from_rng(&mut self.cx.random);
        let paper = Paper { answers, consent: Some(consent) };
        let outcome =
            ballot::cast(self.cx.sql(), &mut random, organisation, &self.consultation, &voter, paper, now).await?;
        let document = match outcome {
            CastOutcome::Recorded | CastOutcome::Changed => {
                self.drop_draft().await?;
                self.note_answered(true);
                let id = if outcome == CastOutcome::Changed { "receipt-changed" } else { "receipt" };
                let lead = self.script().say(id, &[]);
                self.script().receipt(lead)
            }
            CastOutcome::AlreadyCast => Document::says(self.script().say_of_it("already-cast")),
            // All were looked at before, under the same lock.
            other => return Err(HandlerError::Broken(format!("a checked ballot was refused: {other:?}"))),
        };
        self.show(Place::Private, document, false);
        Ok(())
    }

    /// Withdraws the ballot that chose `option`, or whatever there is.
    async fn take_back(&mut self, option: Option<u8>) -> HandlerResult {
        let is_it =
            |answers: &Answers| option.is_none_or(|option| *answers == Answers(vec![Some(Answer::Single(option))]));
        let Some(before) = self.own_ballot().await? else {
            // It waited for consent still.
            if self.draft().await?.is_some_and(|draft| draft.consented_at.is_none() && is_it(&draft.answers)) {
                self.drop_draft().await?;
            }
            return Ok(());
        };
        // Another choice has taken its place meanwhile.
        if !is_it(&before.answers) {
            return Ok(());
        }
        let (organisation, now) = (self.cx.organisation.id, self.cx.now);
        let addresses = self.caller.addresses.clone();
        let outcome = ballot::withdraw(self.cx.sql(), organisation, &self.consultation, &addresses, now).await?;
        let document = match outcome {
            WithdrawalOutcome::Withdrawn => {
                self.keep_consent(before.consent.given_at).await?;
                self.note_withdrawn();
                self.script().answer_button(Document::says(self.script().say("withdrawn", &[])))
            }
            WithdrawalOutcome::NotAllowed => Document::says(self.script().say_of_it("already-cast")),
            WithdrawalOutcome::NoBallot | WithdrawalOutcome::NotOpen => return Ok(()),
        };
        self.show(Place::Private, document, false);
        Ok(())
    }

    /// Whoever takes a choice back to make another one agreed already.
    async fn keep_consent(&mut self, consented_at: DateTime<Utc>) -> HandlerResult {
        let draft = Draft { consented_at: Some(consented_at), ..self.empty_draft() };
        self.keep(&draft).await
    }
}

#[cfg(test)]
mod tests {
    use bot_core::adapter::Assurance;
    use bot_core::plugin::{ConversationView, Effect, Event};

    use super::*;
    use crate::bench::{Citizen, MARKET, Town, origin, said_in_rooms};
    use crate::operations;

    fn named() -> String {
        MARKET.replace("anonymity = \"anonymous\"", "anonymity = \"named\"")
    }

    /// A consultation announced in a room where votes are reported.
    async fn announced(town: &Town, source: &str) -> (ConsultationId, ConversationView, Vec<String>) {
        let id = town.opens(source).await.id;
        let room = town.bench.room("salon", true, true).await;
        let mut organiser = town.organiser();
        organiser.goes_to(&room);
        organiser.sends("annoncer place-du-marche").await;
        let said = said_in_rooms(&organiser.effects);
        (id, room, said)
    }

    fn voter<'t>(town: &'t Town, room: &ConversationView) -> Citizen<'t> {
        let mut voter = Citizen::new(town, town.bench.somebody(Assurance::Account));
        voter.goes_to(room);
        voter
    }

    fn vote(id: ConsultationId, options: &[u16]) -> Event {
        Event::PollVote { message: origin(id.scope(), poll_key(id)), options: options.to_vec() }
    }

    fn reaction(id: ConsultationId, key: &str, removed: bool) -> Event {
        Event::Reaction { message: origin(id.scope(), announcement_key(id)), key: key.to_owned(), removed }
    }

    async fn ballots(town: &Town) -> Vec<Answers> {
        let rows =
            sqlx::query_scalar!(r#"SELECT answers AS "answers: Json<Answers>" FROM micro_consultations.named_ballot"#);
        rows.fetch_all(&town.bench.pool).await.unwrap().into_iter().map(|Json(answers)| answers).collect()
    }

    fn choosing(option: u8) -> Vec<Answers> {
        vec![Answers(vec![Some(Answer::Single(option))])]
    }

    #[test]
    fn keys_and_options_are_one_to_one() {
        for option in 0..VOTE_OPTIONS_MAX {
            assert_eq!(option_of(&key_of(option)).map(usize::from), Some(option));
            assert_eq!(option_of(&(option + 1).to_string()).map(usize::from), Some(option));
        }
        assert_eq!(option_of("3\u{20e3}"), Some(2));
        for other in ["❤️", "👍", "0", "11", "", "1️⃣1️⃣"] {
            assert_eq!(option_of(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_named_vote_in_the_room_counts_once_the_voter_agreed() {
        let town = Town::new(301).await;
        let (id, room, said) = announced(&town, &named()).await;
        insta::assert_snapshot!(said.join("\n––––\n"), @r"
        Une nouvelle consultation est ouverte : « La place du marché ».
        Vous pouvez répondre jusqu’au mardi 15 septembre 2026 à 10 h, en une question.
        Consultation nominative : on peut aussi répondre ici, dans le sondage ci-dessous ou en réagissant à ce message. Tout le salon voit alors votre choix, et il est enregistré sous votre nom une fois que vous l’avez accepté.
        • 1️⃣ Halle couverte
        • 2️⃣ Jardin
        • 3️⃣ Parking
        Répondre en privé
        [Répondre]
        ––––
        [[Que faire de la place ?: Halle couverte / Jardin / Parking]]
        ");
        let mut ana = voter(&town, &room);
        ana.reacts(vote(id, &[1])).await;
        assert_eq!(ballots(&town).await, [], "nothing counts before consent");
        ana.goes_private();
        assert!(ana.reads().contains("Pour que votre choix compte") && ana.reads().contains("[J’accepte]"));
        ana.taps("J’accepte").await;
        assert!(ana.reads().contains("Que faire de la place ? Jardin"), "{}", ana.reads());
        ana.taps("Déposer").await;
        assert_eq!(ballots(&town).await, choosing(1));

        // From then on the room is enough: by the poll, by a reaction, and by buttons it is one ballot.
        ana.goes_to(&room);
        ana.reacts(vote(id, &[2])).await;
        assert_eq!(ballots(&town).await, choosing(2));
        ana.reacts(reaction(id, "1️⃣", false)).await;
        assert_eq!(ballots(&town).await, choosing(0));
        // A change of reaction takes the old one back: which is another choice by now.
        ana.reacts(reaction(id, "3️⃣", true)).await;
        assert_eq!(ballots(&town).await, choosing(0));
        ana.goes_private();
        assert!(ana.reads().contains("il remplace le précédent"), "{}", ana.reads());
        ana.taps("Modifier").await;
        ana.taps("J’accepte").await;
        ana.taps("Jardin").await;
        ana.taps("Déposer").await;
        assert_eq!(ballots(&town).await, choosing(1));
        ana.goes_to(&room);
        ana.reacts(vote(id, &[])).await;
        assert_eq!(ballots(&town).await, []);
        // Agreed is agreed.
        ana.reacts(reaction(id, "2", false)).await;
        assert_eq!(ballots(&town).await, choosing(1));
        let counted = town.operator(async |cx| operations::list(cx.sql(), town.bench.organisation.id).await).await.0;
        assert_eq!(counted[0].ballots, 1);
    }

    #[tokio::test]
    async fn an_anonymous_consultation_hears_no_vote_in_a_room_and_says_why_once() {
        let town = Town::new(302).await;
        let (id, room, said) = announced(&town, MARKET).await;
        assert_eq!(said.len(), 1, "no poll: {said:?}");
        let mut ana = voter(&town, &room);
        ana.reacts(reaction(id, "❤️", false)).await;
        assert!(ana.effects.is_empty());
        ana.reacts(reaction(id, "1️⃣", false)).await;
        let scope = id.scope();
        let flagged =
            ana.effects.iter().any(|effect| matches!(effect, Effect::RevealsChoice { scope: told } if *told == scope));
        assert!(flagged, "what was readable in the room is forgotten here at closing");
        ana.goes_private();
        insta::assert_snapshot!(ana.reads(), @r"
        « La place du marché » est anonyme : ce que vous avez fait dans le salon est visible de tous et n’est donc pas compté. Répondez ici, à l’abri des regards.
        [Répondre]
        ");
        let contact = ana.caller.contact;
        let held = town.operator(async |cx| bot_core::plugin::Plugin::export(&town.plugin, cx, contact).await).await.0;
        assert_eq!(held["votes_in_rooms_not_counted"], serde_json::json!(["place-du-marche"]));
        ana.goes_to(&room);
        ana.reacts(reaction(id, "2️⃣", false)).await;
        assert!(!ana.effects.iter().any(|effect| matches!(effect, Effect::Send(_))), "said twice");
        let cast = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM micro_consultations.roll_entry"#);
        assert_eq!(cast.fetch_one(&town.bench.pool).await.unwrap(), 0);
        // The schema holds it too.
        let forced = sqlx::query!("UPDATE micro_consultations.room_announcement SET votes = true")
            .execute(&town.bench.pool)
            .await;
        assert!(forced.unwrap_err().to_string().contains("violates check constraint"));
    }

    #[tokio::test]
    async fn the_rules_of_the_consultation_hold_for_votes_in_rooms() {
        let town = Town::new(303).await;
        let source = format!("change_vote = false\naccepts = [\"account\"]\n{}", named());
        let (id, room, _) = announced(&town, &source).await;
        let mut browser = Citizen::new(&town, town.bench.somebody(Assurance::Session));
        browser.goes_to(&room);
        browser.reacts(vote(id, &[0])).await;
        browser.goes_private();
        assert!(browser.reads().contains("est réservée aux personnes"), "{}", browser.reads());

        let mut ana = voter(&town, &room);
        ana.reacts(vote(id, &[0])).await;
        ana.goes_private();
        ana.taps("J’accepte").await;
        ana.taps("Déposer").await;
        ana.goes_to(&room);
        ana.reacts(vote(id, &[1])).await;
        assert_eq!(ballots(&town).await, choosing(0), "the first one stands");
        ana.goes_private();
        assert!(ana.reads().contains("n’accepte pas de modification"), "{}", ana.reads());

        // Closing closes the poll too, and later votes are nothing.
        let effects = town.operator(async |cx| Ok(operations::close(cx, id).await.unwrap())).await.1;
        let closes =
            effects.iter().any(|effect| matches!(effect, Effect::ClosePoll(close) if close.conversation == room.id));
        assert!(closes, "{effects:?}");
        ana.goes_to(&room);
        ana.reacts(vote(id, &[1])).await;
        assert!(ana.effects.iter().all(|effect| !matches!(effect, Effect::Send(_))));
    }

    #[tokio::test]
    async fn a_refusal_in_private_forgets_the_vote_in_the_room() {
        let town = Town::new(304).await;
        let (id, room, _) = announced(&town, &named()).await;
        let mut ana = voter(&town, &room);
        ana.reacts(vote(id, &[0])).await;
        // Not before consent, by whatever way the question is opened.
        ana.sends("repondre place-du-marche").await;
        ana.goes_private();
        assert!(ana.reads().contains("[J’accepte]"), "{}", ana.reads());
        ana.taps("Je refuse").await;
        assert!(ana.reads().contains("rien n’a été enregistré"), "{}", ana.reads());
        assert_eq!(ballots(&town).await, []);
        ana.goes_to(&room);
        ana.reacts(vote(id, &[2])).await;
        ana.reacts(vote(id, &[])).await;
        let drafts = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM micro_consultations.draft"#);
        assert_eq!(drafts.fetch_one(&town.bench.pool).await.unwrap(), 0);
    }
}
