//! Carries out what readers intend, in their chats and on the web. What the service knows afterwards is written down.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use bot_core::action::ActionToken;
use bot_core::adapter::{Acknowledgement, InboundKind};
use bot_core::{Clock, Redacted};
use tokio::sync::mpsc::UnboundedReceiver;

use super::book::{Book, Decided, Decision, Order, Parcel};
use super::desk::Desk;
use super::habits::{Act, Change, Deed, Standing, USUAL};
use super::readers::{Readers, Rhythm, TOPICS, Wishes};
use crate::deeds::{code_in, until};
use crate::messenger::{Messenger, Shown};

/// Screens of hours at most.
const PAGES_MAX: usize = 4;

/// What became of an intention.
#[derive(Clone, Debug)]
pub enum Outcome {
    Done,
    /// Nobody was there to hear of it: again once somebody is.
    Unheard(Act),
    /// They waited for an answer, and gave up.
    GaveUp(Act),
}

pub struct Stage {
    pub readers: Arc<Readers>,
    pub clock: Clock,
    pub messengers: [Arc<Messenger>; 3],
    pub desk: Desk,
    pub book: Arc<Book>,
    pub standings: Mutex<Vec<Standing>>,
}

/// How a talk goes on.
enum Talk {
    Over,
    Unheard,
    GaveUp,
}

impl Stage {
    pub fn standing(&self, seat: u32) -> Standing {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)[seat as usize]
    }

    pub fn messenger(&self, seat: u32) -> &Messenger {
        &self.messengers[self.readers.seat(seat).network.number()]
    }

    pub async fn perform(&self, act: Act, running: bool) -> Result<Outcome> {
        // The web is another process: it does not need the service.
        if !running && !matches!(act.deed, Deed::Follow { .. }) {
            return Ok(Outcome::Unheard(act));
        }
        let since = self.book.write(|entries| entries.next_order());
        let seat = act.seat;
        // Nobody writes to whom they block.
        let writes = !matches!(act.deed, Deed::Block { .. } | Deed::Return | Deed::Follow { .. });
        if writes && self.messenger(seat).has_blocked(seat) {
            return Ok(Outcome::Done);
        }
        let talk = match &act.deed {
            Deed::Subscribe(change) => self.subscribe(seat, since, *change).await?,
            Deed::Change(change) => self.change(seat, since, *change).await?,
            Deed::Press(token) => {
                if self.hear(seat, InboundKind::Action { token: token.clone() }).await? {
                    self.decided(seat, since, Decision::Left, Vec::new()).await?;
                    Talk::Over
                } else {
                    Talk::Unheard
                }
            }
            Deed::Follow { token } => {
                if self.desk.leave_on_the_web(token, self.clock.now()).await? {
                    self.decided(seat, since, Decision::Left, Vec::new()).await?;
                }
                Talk::Over
            }
            Deed::Leave => self.says(seat, since, "/desabonner", Decision::Left).await?,
            Deed::SayStop => self.says(seat, since, "STOP", Decision::Stopped).await?,
            Deed::Block { is_told } => self.block(seat, since, *is_told).await?,
            Deed::Return => {
                self.messenger(seat).unblock(seat);
                self.says(seat, since, "Bonjour", Decision::Returned).await?
            }
            Deed::Link => self.link(seat, since).await?,
            Deed::Unlink => self.unlink(seat, since).await?,
            Deed::Erase => self.erase(seat, since).await?,
        };
        Ok(match talk {
            Talk::Over => Outcome::Done,
            Talk::Unheard => Outcome::Unheard(act),
            Talk::GaveUp => Outcome::GaveUp(act),
        })
    }

    async fn says(&self, seat: u32, since: Order, words: &str, decision: Decision) -> Result<Talk> {
        if !self.say(seat, words).await? {
            return Ok(Talk::Unheard);
        }
        self.decided(seat, since, decision, Vec::new()).await?;
        Ok(Talk::Over)
    }

    async fn block(&self, seat: u32, since: Order, is_told: bool) -> Result<Talk> {
        self.messenger(seat).block(seat);
        self.stand(seat, Decision::Blocked);
        if is_told {
            if !self.hear(seat, InboundKind::Closed).await? {
                return Ok(Talk::Unheard);
            }
            self.decided(seat, since, Decision::Blocked, Vec::new()).await?;
        }
        Ok(Talk::Over)
    }

    async fn subscribe(&self, seat: u32, since: Order, change: Option<Change>) -> Result<Talk> {
        let mut screen = self.messenger(seat).listen(seat);
        if !self.say(seat, "/abonner").await? {
            return Ok(Talk::Unheard);
        }
        let standing = self.standing(seat);
        if !standing.is_subscribed {
            let Some(token) = until(&mut screen, |shown| button(shown, "Je m’abonne")).await else {
                return Ok(Talk::GaveUp);
            };
            if !self.hear(seat, InboundKind::Action { token }).await? {
                return Ok(Talk::GaveUp);
            }
            // Whoever comes back finds what they had chosen.
            let wishes = standing.wishes.unwrap_or(USUAL);
            self.decided(seat, since, Decision::Wishes(wishes), Vec::new()).await?;
        }
        match change {
            Some(change) => self.choose(seat, since, change, screen).await,
            None => Ok(Talk::Over),
        }
    }

    async fn change(&self, seat: u32, since: Order, change: Change) -> Result<Talk> {
        if !self.standing(seat).is_subscribed {
            return Ok(Talk::Over);
        }
        let screen = self.messenger(seat).listen(seat);
        if !self.say(seat, "/abonnements").await? {
            return Ok(Talk::Unheard);
        }
        self.choose(seat, since, change, screen).await
    }

    /// Presses the way through the settings.
    async fn choose(
        &self,
        seat: u32,
        since: Order,
        change: Change,
        mut screen: UnboundedReceiver<Shown>,
    ) -> Result<Talk> {
        let Some(wishes) = self.standing(seat).wishes else { return Ok(Talk::Over) };
        for (step, label) in path(change, &wishes).into_iter().enumerate() {
            let mut pages = 0;
            let token = loop {
                let found = |shown: &Shown| {
                    // What is looked for, or where there is more of it.
                    let exact = button(shown, &label).map(|token| (token, true));
                    let other = if wishes.hour < 15 { "Plus tard" } else { "Plus tôt" };
                    exact.or_else(|| (step > 0).then(|| button(shown, other)).flatten().map(|token| (token, false)))
                };
                let Some((token, is_it)) = until(&mut screen, found).await else { return Ok(Talk::GaveUp) };
                if is_it || pages == PAGES_MAX {
                    break token;
                }
                pages += 1;
                if !self.hear(seat, InboundKind::Action { token }).await? {
                    return Ok(Talk::GaveUp);
                }
            };
            if !self.hear(seat, InboundKind::Action { token }).await? {
                return Ok(Talk::GaveUp);
            }
        }
        self.decided(seat, since, Decision::Wishes(change.applied(wishes)), Vec::new()).await?;
        Ok(Talk::Over)
    }

    /// A code from one chat, typed in the other, confirmed in both.
    async fn link(&self, seat: u32, since: Order) -> Result<Talk> {
        let Some(partner) = self.readers.seat(seat).partner else { return Ok(Talk::Over) };
        let is_hindered = |standing: Standing| standing.is_gone || standing.is_blocking || standing.is_linked;
        if is_hindered(self.standing(seat)) || is_hindered(self.standing(partner)) {
            return Ok(Talk::Over);
        }
        let (mut here, mut there) = (self.messenger(seat).listen(seat), self.messenger(partner).listen(partner));
        if !self.say(seat, "/lier").await? {
            return Ok(Talk::Unheard);
        }
        let Some(code) = until(&mut here, |shown| code_in(&shown.words)).await else { return Ok(Talk::GaveUp) };
        if !self.say(partner, &format!("/lier {code}")).await? {
            return Ok(Talk::GaveUp);
        }
        let confirm = |shown: &Shown| button(shown, "Oui, c’est moi");
        let (Some(first), Some(second)) = (until(&mut here, confirm).await, until(&mut there, confirm).await) else {
            return Ok(Talk::GaveUp);
        };
        for (of, token) in [(seat, first), (partner, second)] {
            if !self.hear(of, InboundKind::Action { token }).await? {
                return Ok(Talk::GaveUp);
            }
        }
        self.decided(seat, since, Decision::Linked { with: partner }, Vec::new()).await?;
        self.stand(partner, Decision::Linked { with: seat });
        Ok(Talk::Over)
    }

    async fn unlink(&self, seat: u32, since: Order) -> Result<Talk> {
        let Some(partner) = self.readers.seat(seat).partner else { return Ok(Talk::Over) };
        match self.confirmed(seat, "/delier", "Oui, séparer").await? {
            Talk::Over => {}
            other => return Ok(other),
        }
        self.decided(seat, since, Decision::Parted { from: partner }, Vec::new()).await?;
        self.stand(partner, Decision::Parted { from: seat });
        Ok(Talk::Over)
    }

    async fn erase(&self, seat: u32, since: Order) -> Result<Talk> {
        // Afterwards nothing says any more whose they were.
        let before = self.under_way(seat).await?;
        match self.confirmed(seat, "/effacer", "Oui, effacer").await? {
            Talk::Over => {}
            other => return Ok(other),
        }
        self.decided(seat, since, Decision::Erased, before).await?;
        Ok(Talk::Over)
    }

    async fn confirmed(&self, seat: u32, command: &str, label: &str) -> Result<Talk> {
        let mut screen = self.messenger(seat).listen(seat);
        if !self.say(seat, command).await? {
            return Ok(Talk::Unheard);
        }
        let Some(token) = until(&mut screen, |shown| button(shown, label)).await else { return Ok(Talk::GaveUp) };
        let heard = self.hear(seat, InboundKind::Action { token }).await?;
        Ok(if heard { Talk::Over } else { Talk::GaveUp })
    }

    async fn say(&self, seat: u32, text: &str) -> Result<bool> {
        self.hear(seat, InboundKind::Text { text: Redacted::new(text.to_owned()) }).await
    }

    /// Whether the service heard, and has done what follows from it.
    async fn hear(&self, seat: u32, kind: InboundKind) -> Result<bool> {
        match self.messenger(seat).hear(seat, kind).await {
            Some(Acknowledgement::Handled) => Ok(true),
            Some(Acknowledgement::Deferred) => self.desk.office.all_heard().await.map(|()| true),
            Some(Acknowledgement::TryAgain) | None => Ok(false),
        }
    }

    async fn under_way(&self, seat: u32) -> Result<Vec<Parcel>> {
        let seats: Vec<u32> = [Some(seat), self.readers.seat(seat).partner].into_iter().flatten().collect();
        self.desk.under_way(&self.readers, &seats).await.context("what is under way")
    }

    /// The service knows: writes it down, with what was under way at this moment, and `before`.
    async fn decided(&self, seat: u32, since: Order, decision: Decision, before: Vec<Parcel>) -> Result<()> {
        let mut under_way = self.under_way(seat).await?;
        under_way.extend(before);
        let at = self.clock.now();
        self.stand(seat, decision);
        self.book.write(|entries| {
            let order = entries.next_order();
            entries.decided.push(Decided { since, order, at, seat, decision, under_way });
        });
        Ok(())
    }

    fn stand(&self, seat: u32, decision: Decision) {
        let mut standings = self.standings.lock().unwrap_or_else(PoisonError::into_inner);
        standings[seat as usize] = standings[seat as usize].after(decision);
    }
}

/// The button that says exactly this, ticked or not.
fn button(shown: &Shown, label: &str) -> Option<ActionToken> {
    let says = |words: &str| words.trim_start_matches(|sign: char| !sign.is_alphanumeric()) == label;
    shown.buttons.iter().find(|(words, _)| says(words)).map(|(_, token)| token.clone())
}

const DAYS: [&str; 7] = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];

/// The buttons that lead to a change, one after the other.
fn path(change: Change, wishes: &Wishes) -> Vec<String> {
    let two = |first: &str, second: String| vec![first.to_owned(), second];
    let one = |is_so: bool, then: &str, otherwise: &str| vec![if is_so { then } else { otherwise }.to_owned()];
    match change {
        Change::Rhythm => one(wishes.rhythm == Rhythm::Weekly, "Recevoir chaque mois", "Recevoir chaque semaine"),
        Change::Day(day) => two("Changer de jour", DAYS[usize::from(day - 1)].to_owned()),
        Change::Hour(hour) => two("Changer d’heure", format!("{hour}\u{a0}h")),
        Change::Language => one(wishes.in_english, "Recevoir en français", "Recevoir en anglais"),
        Change::Form => one(wishes.in_full, "Version courte", "Version complète"),
        Change::WhenEmpty => one(wishes.says_so, "Aucun message quand il n’y a rien", "Me dire quand il n’y a rien"),
        Change::Topic(topic) => two("Choisir les sujets", TOPICS[topic].1.to_owned()),
    }
}
