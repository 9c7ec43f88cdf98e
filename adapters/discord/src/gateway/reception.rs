//! What is done with each event. Presses and commands are taken at once, since somebody waits for a sign; what is
//! written is taken one by one, each with the mark that says how far we are.

use std::time::Duration;

use bot_core::adapter::{Acknowledgement, InboundEvent};
use bot_core::intake::{ANSWER_WITHIN, Intake};
use chrono::TimeDelta;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use serenity::all::{Event, ShardId};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::health::Receiving;
use crate::inbound::{self, Heard};
use crate::interactions::{Place, Waiting};
use crate::places::Places;
use crate::{Discord, Me};

/// After this long an event that the database did not take is offered again.
const OFFERED_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(5);
/// When the session ends, those who wait still get their sign.
const SIGNS_WITHIN: Duration = Duration::from_millis(1800);

/// Something to take in its turn.
#[derive(Debug)]
enum Work {
    /// Fetch what was written while nobody listened.
    CatchUp,
    Heard(Box<Heard>),
    /// The bot was removed from a server.
    GuildGone(u64),
    ChannelGone {
        guild: u64,
        channel: u64,
    },
}

/// Presses and commands under way.
type InFlight<'a> = FuturesUnordered<BoxFuture<'a, ()>>;

impl Discord {
    /// Takes events until `closing`.
    pub(super) async fn take_events(
        &self,
        intake: &Intake,
        mut events: UnboundedReceiver<(ShardId, Event)>,
        shards: u32,
        closing: &CancellationToken,
    ) {
        let (work, to_do) = unbounded_channel();
        let mut in_flight: InFlight<'_> = FuturesUnordered::new();
        let mut ready: std::collections::HashSet<u32> = std::collections::HashSet::new();
        let listening = async {
            loop {
                tokio::select! {
                    Some(()) = in_flight.next(), if !in_flight.is_empty() => {}
                    Some((shard, event)) = events.recv() => {
                        if let Event::Ready(event) = &event {
                            self.me.set(Me {
                                user: event.ready.user.id.get(),
                                application: event.ready.application.id.get(),
                            });
                            ready.insert(shard.0);
                            if ready.len() == shards as usize {
                                self.health.set(Receiving::Ready);
                            }
                            // Direct messages come to the first shard only.
                            if shard.0 == 0 {
                                let _ = work.send(Work::CatchUp);
                            }
                        }
                        self.begin(intake, event, &work, &mut in_flight).await;
                    }
                }
            }
        };
        tokio::select! {
            () = closing.cancelled() => {}
            () = listening => {}
            () = self.work_off(intake, to_do) => {}
        }
        let signs = async { while in_flight.next().await.is_some() {} };
        let _ = tokio::time::timeout(SIGNS_WITHIN, signs).await;
    }

    /// Begins with one event. Arrival order is kept: each is in line for the inbox before the next is looked at.
    async fn begin<'a>(
        &'a self,
        intake: &'a Intake,
        event: Event,
        work: &UnboundedSender<Work>,
        in_flight: &mut InFlight<'a>,
    ) {
        let next = match event {
            Event::MessageCreate(event) => {
                let heard = self.me.get().and_then(|me| inbound::message(&event.message, me.user.into()));
                heard.map(|heard| Work::Heard(Box::new(heard)))
            }
            Event::InteractionCreate(event) => {
                let taken = inbound::interaction(&event.interaction, self.clock.now());
                if let Some((heard, waiting)) = taken {
                    self.interactions.begin(&waiting, self.clock.now());
                    let mut taking: BoxFuture<'a, ()> = Box::pin(self.take_waiting(intake, heard, waiting));
                    if futures::poll!(&mut taking).is_pending() {
                        in_flight.push(taking);
                    }
                }
                None
            }
            // Unavailable servers are still ours: Discord has an outage.
            Event::GuildDelete(event) if !event.guild.unavailable => Some(Work::GuildGone(event.guild.id.get())),
            Event::ChannelDelete(event) => {
                Some(Work::ChannelGone { guild: event.channel.guild_id.get(), channel: event.channel.id.get() })
            }
            Event::ThreadDelete(event) => {
                Some(Work::ChannelGone { guild: event.thread.guild_id.get(), channel: event.thread.id.get() })
            }
            _ => None,
        };
        if let Some(next) = next {
            let _ = work.send(next);
            tokio::task::yield_now().await;
        }
    }

    /// Stores what somebody waits on, and tells Discord in time whether that was done.
    async fn take_waiting(&self, intake: &Intake, heard: Heard, waiting: Waiting) {
        let Heard { event, channel, guild, id } = heard;
        let person = event.actor.as_ref().map(|actor| actor.address.path.expose().clone());
        let mut taking = std::pin::pin!(intake.receive_interactive(event));
        let taken = match tokio::time::timeout(ANSWER_WITHIN, &mut taking).await {
            Ok(taken) => {
                self.interactions.acknowledge(&self.rest, &waiting, taken).await;
                taken
            }
            // Not even stored yet: the sign goes out all the same, and is taken back if it has to be.
            Err(_) => {
                self.interactions.acknowledge(&self.rest, &waiting, Acknowledgement::Deferred).await;
                let taken = taking.await;
                if taken == Acknowledgement::TryAgain {
                    self.interactions.take_back(&self.rest, &waiting).await;
                }
                taken
            }
        };
        if taken == Acknowledgement::TryAgain {
            return;
        }
        let now = self.clock.now();
        let noted = match (waiting.place, guild, person) {
            (Place::DirectPress | Place::DirectCommand, _, Some(person)) => {
                self.places.meet_person(channel, &person, id, now).await
            }
            (Place::AmongOthers, Some(guild), _) => self.places.meet_channel(guild, channel).await,
            _ => Ok(()),
        };
        if let Err(error) = noted {
            tracing::warn!("A conversation on Discord could not be noted, and is noted next time: {error}");
        }
    }

    /// Takes everything in its turn. What the database refuses stays first in line: Discord will not say it again.
    async fn work_off(&self, intake: &Intake, mut to_do: UnboundedReceiver<Work>) {
        while let Some(work) = to_do.recv().await {
            loop {
                let Err(reason) = self.work_on(intake, &work).await else { break };
                let before = self.health.get();
                tracing::warn!("Messages from Discord wait, since they cannot be stored: {reason}");
                self.health
                    .set(Receiving::Interrupted(format!("messages wait, since they cannot be stored: {reason}")));
                self.clock.sleep_until(self.clock.now() + OFFERED_AGAIN_AFTER).await;
                self.health.set(before);
            }
        }
    }

    async fn work_on(&self, intake: &Intake, work: &Work) -> Result<(), String> {
        match work {
            Work::CatchUp => self.catch_up(intake).await,
            Work::Heard(heard) => self.take_heard(intake, heard).await,
            Work::GuildGone(guild) => {
                for channel in self.places.channels_of(*guild).await.map_err(|error| error.to_string())? {
                    self.close(intake, *guild, channel).await?;
                }
                Ok(())
            }
            Work::ChannelGone { guild, channel } => {
                match self.places.knows_channel(*guild, *channel).await.map_err(|error| error.to_string())? {
                    true => self.close(intake, *guild, *channel).await,
                    false => Ok(()),
                }
            }
        }
    }

    /// Stores a message, and in the same transaction how far we are in its conversation.
    pub(crate) async fn take_heard(&self, intake: &Intake, heard: &Heard) -> Result<(), String> {
        let person = heard.event.actor.as_ref().map(|actor| actor.address.path.expose().as_str());
        let cursor = match (heard.guild, person) {
            (None, Some(person)) => {
                let before = heard.id.saturating_sub(1);
                let noted = self.places.meet_person(heard.channel, person, before, self.clock.now()).await;
                noted.map_err(|error| error.to_string())?;
                Some(Places::seen(heard.channel, heard.id))
            }
            (Some(guild), _) => {
                self.places.meet_channel(guild, heard.channel).await.map_err(|error| error.to_string())?;
                None
            }
            (None, None) => None,
        };
        intake.receive(std::slice::from_ref(&heard.event), cursor).await.map_err(|error| error.to_string()).map(drop)
    }

    async fn close(&self, intake: &Intake, guild: u64, channel: u64) -> Result<(), String> {
        // A channel that is left twice is reported twice.
        let key = format!("closed/{channel}/{}", self.clock.now().timestamp_millis());
        let event: InboundEvent = inbound::closed(key, channel);
        intake.receive(&[event], None).await.map_err(|error| error.to_string())?;
        self.places.forget_channel(guild, channel).await.map_err(|error| error.to_string())
    }
}
