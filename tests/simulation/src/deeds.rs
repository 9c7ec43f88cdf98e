//! Carries out what people intend: at the questionnaire, in their chats, at their network's settings. What the service
//! knows afterwards is written down.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bot_core::Clock;
use bot_core::Redacted;
use bot_core::action::ActionToken;
use bot_core::adapter::{Acknowledgement, InboundKind};
use chrono::NaiveTime;
use survey_reminders::store::{CampaignId, RespondentKey};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::crowd::{Act, Deed, IT_IS_ME, Later, NEXT_WEEK, TOMORROW, Wish};
use crate::messenger::{Messenger, Shown};
use crate::office::{Completion, Office};
use crate::record::{Decided, Decision, Record};
use crate::world::{Network, World};

/// How long a person looks at a screen on which nothing happens, by the real clock.
const PATIENCE: Duration = Duration::from_secs(20);

/// What became of an intention.
#[derive(Clone, Debug)]
pub enum Outcome {
    Done,
    /// Nobody was there to hear of it: again once somebody is.
    Unheard(Act),
    /// They waited for an answer, and gave up.
    GaveUp,
}

pub struct Stage {
    pub world: Arc<World>,
    pub clock: Clock,
    pub messengers: [Arc<Messenger>; 3],
    pub office: Office,
    pub record: Arc<Record>,
    /// The database's names of collectivités.
    pub collectivites: Vec<i64>,
    /// How often news of an answer met messages that were under way.
    pub crossings: AtomicU64,
}

impl Stage {
    fn messenger(&self, network: Network) -> &Messenger {
        &self.messengers[network.number()]
    }

    /// Does it. `running`: whether the service is there; `campaigns`: their names in the database.
    pub async fn perform(&self, act: Act, running: bool, campaigns: &[Option<CampaignId>]) -> Result<Outcome> {
        let person = act.person;
        match act.deed.clone() {
            Deed::Fill { campaign, token, is_complete, by_file } => {
                // A tool that cannot reach us calls again; a file is read in by another process.
                if !running && !by_file {
                    return Ok(Outcome::Unheard(act));
                }
                let Some(id) = campaigns[campaign] else { return Ok(Outcome::Done) };
                self.fill(person, campaign, id, token, is_complete, by_file).await?;
                Ok(Outcome::Done)
            }
            _ if !running => Ok(Outcome::Unheard(act)),
            Deed::Press { campaign, network, first, wish } => self.press(act, campaign, network, first, wish).await,
            Deed::SayStop { network } => {
                if !self.say(person, network, "STOP").await? {
                    return Ok(Outcome::Unheard(act));
                }
                self.decided(person, Decision::Stopped, &[person]).await?;
                Ok(Outcome::Done)
            }
            Deed::Block { network, is_told } => {
                self.messenger(network).block(person);
                if is_told {
                    if !self.hear(person, network, InboundKind::Closed).await? {
                        return Ok(Outcome::Unheard(act));
                    }
                    self.decided(person, Decision::Blocked { network }, &[person]).await?;
                }
                Ok(Outcome::Done)
            }
            Deed::Return { network } => {
                self.messenger(network).unblock(person);
                if !self.say(person, network, "Bonjour").await? {
                    return Ok(Outcome::Unheard(act));
                }
                self.decided(person, Decision::Joined { network }, &[person]).await?;
                Ok(Outcome::Done)
            }
            Deed::Accept { network, ref command } => {
                let mut screen = self.messenger(network).listen(person);
                if !self.say(person, network, command).await? {
                    return Ok(Outcome::Unheard(act));
                }
                let confirm = |shown: &Shown| IT_IS_ME.on(shown).cloned();
                let Some(token) = until(&mut screen, confirm).await else { return Ok(Outcome::GaveUp) };
                if !self.hear(person, network, InboundKind::Action { token }).await? {
                    return Ok(Outcome::GaveUp);
                }
                self.decided(person, Decision::Joined { network }, &[person]).await?;
                Ok(Outcome::Done)
            }
            Deed::Move { from, to } => self.move_over(act, from, to).await,
        }
    }

    async fn fill(
        &self,
        person: u32,
        campaign: usize,
        id: CampaignId,
        token: Option<String>,
        is_complete: bool,
        by_file: bool,
    ) -> Result<()> {
        let body = self.world.people[person as usize].collectivite;
        let siren = self.world.collectivites[body].siren.clone();
        // Tools know the token, files the code.
        let (token, siren) = if by_file { (None, Some(siren)) } else { (token, None) };
        let completion = Completion {
            campaign: id,
            reference: format!("{campaign}-{person}-{is_complete}-{}", self.clock.now().timestamp()),
            is_complete,
            by_file,
            token,
            siren,
        };
        let Some(key) = self.office.heard(completion).await? else { return Ok(()) };
        let expected = RespondentKey::Collectivite(self.collectivites[body]);
        ensure!(key == expected, "the answer of {expected} was taken for one of {key} (person {person})");
        let decision = if is_complete { Decision::Answered { campaign } } else { Decision::Started { campaign } };
        self.decided(person, decision, &self.world.collectivites[body].people).await
    }

    async fn press(
        &self,
        act: Act,
        campaign: usize,
        network: Network,
        first: ActionToken,
        wish: Wish,
    ) -> Result<Outcome> {
        let person = act.person;
        let mut screen = self.messenger(network).listen(person);
        if !self.hear(person, network, InboundKind::Action { token: first }).await? {
            return Ok(Outcome::Unheard(act));
        }
        let own = [person];
        let (decision, concerned): (_, &[u32]) = match wish {
            Wish::Later(day) => {
                let label = if day == Later::Tomorrow { TOMORROW } else { NEXT_WEEK };
                // No such day is left before the deadline.
                let Some(shown) = next(&mut screen).await else { return Ok(Outcome::GaveUp) };
                let Some(token) = label.on(&shown) else { return Ok(Outcome::Done) };
                if !self.hear(person, network, InboundKind::Action { token: token.clone() }).await? {
                    return Ok(Outcome::GaveUp);
                }
                (Decision::Snoozed { campaign, until: self.day_after(person, day) }, &own)
            }
            Wish::AlreadyAnswered => (Decision::Answered { campaign }, &self.world.collectivite_of(person).people),
            Wish::NotMine => (Decision::NotMine { campaign }, &own),
            Wish::Stop => (Decision::StoppedCampaign { campaign }, &own),
        };
        self.decided(person, decision, concerned).await?;
        Ok(Outcome::Done)
    }

    /// The beginning of the day they chose, on their own clocks.
    fn day_after(&self, person: u32, day: Later) -> chrono::DateTime<chrono::Utc> {
        let who = &self.world.people[person as usize];
        let wall = day.day(who.wall(self.clock.now()).date()).and_time(NaiveTime::MIN);
        wall.and_local_timezone(who.zone).earliest().map_or_else(|| wall.and_utc(), |time| time.to_utc())
    }

    /// A code from the old chat, typed in the new one, confirmed in both.
    async fn move_over(&self, act: Act, from: Network, to: Network) -> Result<Outcome> {
        let person = act.person;
        if self.messenger(from).has_blocked(person) || self.messenger(to).has_blocked(person) {
            return Ok(Outcome::Done);
        }
        let (mut old, mut new) = (self.messenger(from).listen(person), self.messenger(to).listen(person));
        if !self.say(person, from, "/lier").await? {
            return Ok(Outcome::Unheard(act));
        }
        let Some(code) = until(&mut old, |shown| code_in(&shown.words)).await else { return Ok(Outcome::GaveUp) };
        if !self.say(person, to, &format!("/lier {code}")).await? {
            return Ok(Outcome::GaveUp);
        }
        let confirm = |shown: &Shown| IT_IS_ME.on(shown).cloned();
        // On a new network nobody has chosen a language yet.
        let (Some(here), Some(there)) = (until(&mut old, confirm).await, until(&mut new, confirm).await) else {
            return Ok(Outcome::GaveUp);
        };
        for (network, token) in [(from, here), (to, there)] {
            if !self.hear(person, network, InboundKind::Action { token }).await? {
                return Ok(Outcome::GaveUp);
            }
        }
        self.decided(person, Decision::Joined { network: to }, &[person]).await?;
        Ok(Outcome::Done)
    }

    async fn say(&self, person: u32, network: Network, text: &str) -> Result<bool> {
        self.hear(person, network, InboundKind::Text { text: Redacted::new(text.to_owned()) }).await
    }

    /// Whether the service heard, and has done what follows from it.
    async fn hear(&self, person: u32, network: Network, kind: InboundKind) -> Result<bool> {
        match self.messenger(network).hear(person, kind).await {
            Some(Acknowledgement::Handled) => Ok(true),
            Some(Acknowledgement::Deferred) => self.office.all_heard().await.map(|()| true),
            Some(Acknowledgement::TryAgain) | None => Ok(false),
        }
    }

    /// The service knows: writes it down, with what was under way at this moment.
    async fn decided(&self, person: u32, decision: Decision, concerned: &[u32]) -> Result<()> {
        let contacts: Vec<_> = concerned.iter().map(|who| self.world.people[*who as usize].contact).collect();
        let under_way = self.office.under_way(&contacts).await.context("what is under way")?;
        self.crossings.fetch_add(under_way.len() as u64, Ordering::Relaxed);
        let at = self.clock.now();
        self.record.write(|entries| {
            let order = entries.next_order();
            entries.decided.push(Decided { order, at, person, decision, under_way });
        });
        Ok(())
    }
}

/// What is shown next.
async fn next(screen: &mut UnboundedReceiver<Shown>) -> Option<Shown> {
    tokio::time::timeout(PATIENCE, screen.recv()).await.ok().flatten()
}

/// The first of what is shown that has what is looked for.
pub async fn until<T>(screen: &mut UnboundedReceiver<Shown>, look: impl Fn(&Shown) -> Option<T>) -> Option<T> {
    loop {
        if let Some(found) = look(&next(screen).await?) {
            return Some(found);
        }
    }
}

/// The code that joins two chats: five letters or digits, a hyphen, five more.
pub fn code_in(words: &str) -> Option<String> {
    let is_code = |word: &&str| {
        word.len() == 11
            && word
                .bytes()
                .enumerate()
                .all(|(place, byte)| if place == 5 { byte == b'-' } else { byte.is_ascii_alphanumeric() })
    };
    words.split_whitespace().find(is_code).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_among_words() {
        assert_eq!(code_in("Votre code : 7X2KM-09PQR\nValable 10 minutes"), Some("7X2KM-09PQR".to_owned()));
        assert_eq!(code_in("rien de tel-aujourdhui"), None);
    }
}
