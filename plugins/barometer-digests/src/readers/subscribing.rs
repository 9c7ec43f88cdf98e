//! `/abonner`, `/abonnements`, `/desabonner`, and what their buttons do. What is asked for happens at once and can be
//! taken back; a screen is replaced by the next one.

use bot_core::Locale;
use bot_core::calendar::hours::WeeklyHours;
use bot_core::calendar::sending::RecipientRule;
use bot_core::contacts::ContactView;
use bot_core::message::Document;
use bot_core::plugin::{Caller, Context, Edit, HandlerError, HandlerResult, Purpose};
use chrono_tz::Tz;

use super::leaving::leave_url;
use super::preferences::{Change, Preferences};
use super::rooms;
use super::screens::{Lead, Screen, Standing, topic_number};
use super::store::{self, Place, Reader, State};
use super::under_way::{self, Withdrawn};
use crate::action::{Action, Verb};
use crate::definition::{Cadence, Definition};
use crate::edition;
use crate::refusal::OperationError;
use crate::rendering::way::{Form, Way, WhenEmpty};
use crate::words::text;

/// By which name the screen is found again.
const MESSAGE_KEY: &str = "subscription";

/// `/abonner`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn subscribe(cx: &mut Context) -> HandlerResult {
    let Some(mut talk) = Talk::begin(cx).await? else { return Ok(()) };
    talk.present(Lead::Already).await
}

/// `/abonnements`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn show(cx: &mut Context) -> HandlerResult {
    let Some(mut talk) = Talk::begin(cx).await? else { return Ok(()) };
    talk.present(Lead::How).await
}

/// `/desabonner`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn unsubscribe(cx: &mut Context) -> HandlerResult {
    let Some(mut talk) = Talk::begin(cx).await? else { return Ok(()) };
    talk.leave().await
}

/// A press on one of the readers' buttons.
///
/// # Errors
/// Those of the database.
pub(crate) async fn press(cx: &mut Context, action: Action) -> HandlerResult {
    let Some(mut talk) = Talk::begin(cx).await? else { return Ok(()) };
    talk.press(action).await
}

/// One person or room before the digest, in one call.
struct Talk<'c> {
    cx: &'c mut Context,
    definition: Definition,
    place: Place,
    /// The clocks they live by.
    zone: Tz,
    /// They said STOP, or withdrew their consent elsewhere: nothing would be sent.
    silenced: bool,
    /// What is shown takes the place of the screen before.
    replaces: bool,
}

impl<'c> Talk<'c> {
    /// `None`: there is no digest yet; they have been told.
    async fn begin(cx: &'c mut Context) -> Result<Option<Self>, HandlerError> {
        let Some(caller) = cx.caller.clone() else { return Ok(None) };
        let (organisation, locale) = (cx.organisation.id, cx.locale);
        let Some(stored) = edition::store::definition(cx.sql(), organisation).await? else {
            cx.reply(Document::says(text(locale, "readers-no-digest", &[])));
            return Ok(None);
        };
        let place = rooms::place_of(cx, &caller).await?;
        let (zone, silenced) = match place {
            Place::Person(_) => about(cx, &caller).await?,
            Place::Room(_) => (cx.organisation.time_zone, false),
        };
        Ok(Some(Self { cx, definition: stored.definition, place, zone, silenced, replaces: false }))
    }

    fn screen(&self) -> Screen<'_> {
        Screen {
            locale: self.cx.locale,
            organisation: &self.cx.organisation.title,
            definition: &self.definition,
            room: matches!(self.place, Place::Room(_)),
        }
    }

    fn show(&mut self, document: Document) {
        if self.replaces {
            self.cx.edit(Edit {
                conversation: None,
                message_key: MESSAGE_KEY.to_owned(),
                document,
                coalesce_key: None,
                reveals: None,
            });
        } else {
            self.cx.reply_as(MESSAGE_KEY, document);
        }
    }

    async fn reader(&mut self) -> Result<Option<Reader>, HandlerError> {
        let organisation = self.cx.organisation.id;
        store::find(self.cx.sql(), organisation, self.place).await
    }

    /// The reader, who chooses still where there was none.
    async fn some_reader(&mut self) -> Result<Reader, HandlerError> {
        let (organisation, usual) = (self.cx.organisation.id, self.usual());
        store::find_or_insert(self.cx.sql(), organisation, self.place, &usual).await
    }

    fn usual(&self) -> Preferences {
        let locale = match self.place {
            Place::Person(_) => self.cx.locale,
            // A room has no language of its own.
            Place::Room(_) => self.cx.organisation.default_locale,
        };
        Preferences::usual(&self.definition, locale, self.zone)
    }

    fn gets_digests(&self, reader: &Reader) -> bool {
        reader.state == State::Active && !self.silenced
    }

    /// The settings of whoever subscribed; to others, what there is to subscribe to.
    async fn present(&mut self, lead: Lead) -> HandlerResult {
        match self.reader().await? {
            Some(reader) if self.gets_digests(&reader) => self.settings(&reader, lead).await,
            reader => {
                let preferences = reader.map_or_else(|| self.usual(), |reader| reader.preferences);
                let document = self.screen().offer(&preferences);
                self.show(document);
                Ok(())
            }
        }
    }

    async fn settings(&mut self, reader: &Reader, lead: Lead) -> HandlerResult {
        let standing = if self.gets_digests(reader) {
            Standing::Subscribed { next: under_way::next(self.cx, reader.id, &reader.preferences).await? }
        } else {
            Standing::Outside
        };
        let latest = self.latest().await?;
        let document = self.screen().settings(lead, standing, &reader.preferences, latest);
        self.show(document);
        Ok(())
    }

    /// The newest edition that is published.
    async fn latest(&mut self) -> Result<Option<u32>, HandlerError> {
        let organisation = self.cx.organisation.id;
        let number = sqlx::query_scalar!(
            r#"
            SELECT number FROM barometer_digests.edition
            WHERE organisation_id = $1 AND published_at IS NOT NULL ORDER BY number DESC LIMIT 1
            "#,
            organisation.0,
        )
        .fetch_optional(self.cx.sql())
        .await?;
        Ok(number.and_then(|number| u32::try_from(number).ok()))
    }

    /// Shows the newest edition whole, below the settings.
    async fn read_latest(&mut self) -> HandlerResult {
        let (Some(number), Some(reader)) = (self.latest().await?, self.reader().await?) else {
            return self.present(Lead::How).await;
        };
        let organisation = self.cx.organisation.id;
        let secret = edition::store::definition(self.cx.sql(), organisation).await?.map(|stored| stored.secret);
        let public_url = self.cx.public_url.clone();
        let secret = secret.filter(|_| matches!(self.place, Place::Person(_)));
        let leave = secret.and_then(|secret| leave_url(public_url.as_deref(), &secret, reader.id));
        let way = Way { form: Form::Full, ..reader.preferences.way() };
        match edition::previewing::read(self.cx, number, &way, leave).await {
            Ok(document) => {
                self.cx.reply(document);
                Ok(())
            }
            // It was there a moment ago.
            Err(OperationError::Refused(_)) => self.present(Lead::How).await,
            Err(OperationError::Handler(error)) => Err(error),
        }
    }

    async fn press(&mut self, action: Action) -> HandlerResult {
        // What stands under a digest is answered below it.
        self.replaces = !matches!(action.verb, Verb::Subscriptions | Verb::Unsubscribe);
        match action.verb {
            Verb::Subscribe => self.join(Lead::Welcome).await,
            Verb::ComeBack => self.join(Lead::Back).await,
            Verb::Subscriptions | Verb::Settings => match self.reader().await? {
                Some(reader) if self.replaces => self.settings(&reader, Lead::How).await,
                _ => self.present(Lead::How).await,
            },
            Verb::Unsubscribe | Verb::Leave => self.leave().await,
            Verb::Latest => self.read_latest().await,
            Verb::ChooseFirst => {
                let reader = self.some_reader().await?;
                self.settings(&reader, Lead::Already).await
            }
            Verb::Topics => self.choosing(|screen, preferences| screen.topics(preferences)).await,
            Verb::Days => self.choosing(|screen, preferences| screen.days(preferences)).await,
            Verb::Hours => self.choosing(|screen, preferences| screen.hours(preferences, action.argument)).await,
            verb => match self.change_of(verb, action.argument) {
                Some(change) => self.change(change).await,
                // It left the digest file, or was never on offer: how it stands now.
                None => self.present(Lead::How).await,
            },
        }
    }

    async fn choosing(&mut self, document: impl Fn(&Screen<'_>, &Preferences) -> Document) -> HandlerResult {
        let Some(reader) = self.reader().await? else { return self.present(Lead::How).await };
        let document = document(&self.screen(), &reader.preferences);
        self.show(document);
        Ok(())
    }

    fn change_of(&self, verb: Verb, argument: u32) -> Option<Change> {
        let topic = || {
            let found = self.definition.topics.iter().find(|topic| topic_number(&topic.key) == argument);
            found.map(|topic| topic.key.clone())
        };
        let place = usize::try_from(argument).ok()?;
        match verb {
            Verb::AddTopic => topic().map(Change::AddTopic),
            Verb::DropTopic => topic().map(Change::DropTopic),
            Verb::AllTopics => Some(Change::AllTopics),
            Verb::SetDay => u8::try_from(argument).ok().map(Change::Weekday),
            Verb::SetHour => u8::try_from(argument).ok().map(Change::Hour),
            Verb::SetRhythm => Cadence::ALL.get(place).copied().map(Change::Cadence),
            Verb::SetLanguage => Locale::ALL.get(place).copied().map(Change::Locale),
            Verb::SetForm => Form::ALL.get(place).copied().map(Change::Form),
            Verb::SetWhenEmpty => WhenEmpty::ALL.get(place).copied().map(Change::WhenEmpty),
            _ => None,
        }
    }

    async fn change(&mut self, change: Change) -> HandlerResult {
        let Some(mut reader) = self.reader().await? else { return self.present(Lead::How).await };
        let organisation = self.cx.organisation.id;
        let of_topics = matches!(change, Change::AddTopic(_) | Change::DropTopic(_) | Change::AllTopics);
        let of_time = matches!(change, Change::Weekday(_) | Change::Hour(_) | Change::Cadence(_));
        reader.preferences = reader.preferences.with(change, &self.definition);
        reader.preferences.time_zone = self.zone;
        store::change(self.cx.sql(), organisation, reader.id, &reader.preferences).await?;
        if of_time && reader.state == State::Active {
            under_way::follow(self.cx, reader.id, &reader.preferences).await?;
        }
        if of_topics {
            // Whoever ticks one often ticks another.
            return self.choosing(|screen, preferences| screen.topics(preferences)).await;
        }
        self.settings(&reader, Lead::Changed).await
    }

    /// Subscribes with what is chosen. The ledger keeps the words that were on the screen.
    async fn join(&mut self, lead: Lead) -> HandlerResult {
        let mut reader = self.some_reader().await?;
        let (organisation, now) = (self.cx.organisation.id, self.cx.now);
        let (came_back, got_none) = (reader.state == State::Left, !self.gets_digests(&reader));
        if reader.preferences.time_zone != self.zone {
            reader.preferences.time_zone = self.zone;
            store::change(self.cx.sql(), organisation, reader.id, &reader.preferences).await?;
        }
        store::join(self.cx.sql(), organisation, reader.id, now).await?;
        if came_back {
            under_way::resume(self.cx, reader.id).await?;
            // They may have chosen otherwise meanwhile.
            under_way::follow(self.cx, reader.id, &reader.preferences).await?;
        }
        if matches!(self.place, Place::Person(_)) {
            let wording = self.screen().wording();
            self.cx.give_consent(Purpose::Digest, wording);
            self.silenced = false;
        }
        reader.state = State::Active;
        self.settings(&reader, if got_none { lead } else { Lead::Already }).await
    }

    async fn leave(&mut self) -> HandlerResult {
        let (organisation, now) = (self.cx.organisation.id, self.cx.now);
        let reader = self.reader().await?.filter(|reader| reader.state == State::Active);
        let Some(reader) = reader else {
            let document = Document::says(self.screen().say("readers-not-subscribed", &[]));
            self.show(document);
            return Ok(());
        };
        store::leave(self.cx.sql(), organisation, reader.id, now).await?;
        under_way::stop(self.cx, reader.id, Withdrawn::Left).await?;
        if matches!(self.place, Place::Person(_)) {
            self.cx.withdraw_consent(Purpose::Digest);
        }
        let document = self.screen().left();
        self.show(document);
        Ok(())
    }
}

/// The clocks a person lives by, and whether nothing would be sent to them.
async fn about(cx: &mut Context, caller: &Caller) -> Result<(Tz, bool), HandlerError> {
    let organisation = cx.organisation.time_zone;
    let view = cx.contact(caller.contact).await.map_err(|error| HandlerError::Broken(error.to_string()))?;
    Ok(view.map_or((organisation, false), |view| {
        (zone_of(&view, organisation), view.stopped || !view.consents.contains(&Purpose::Digest))
    }))
}

fn zone_of(view: &ContactView, organisation: Tz) -> Tz {
    let own = view.time_zone.as_deref().and_then(|name| name.parse().ok());
    let departement = view.collectivite.as_ref().and_then(|collectivite| collectivite.departement.as_deref());
    RecipientRule::of_person(own, departement, WeeklyHours::default(), organisation).time_zone
}
