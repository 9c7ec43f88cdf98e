//! What a command of the operator works on: the database of a service that may be running, without running one.

use std::path::PathBuf;

use bot_core::Clock;
use bot_core::clock::Random;
use bot_core::core::{Core, Organisation};
use bot_core::ids::PluginId;
use bot_core::plugin::Context;
use bot_core::service::{Parts, Service};
use bot_core::store;
use bot_core::store::organisations::{self, StoredOrganisation};
use chrono_tz::Tz;
use sqlx::PgPool;

use super::WrongCall;
use super::arguments::PlaceArguments;
use crate::config::{self, Config, ConfigError, DEFAULT_PATHS, Database as DatabaseSettings};
use crate::database::{Database, IfRunning};

/// One command at a time needs no more.
const CONNECTIONS: u32 = 4;

/// The configuration, which must exist.
///
/// # Errors
/// What is wrong with it, or that there is none.
pub(super) fn configuration(place: &PlaceArguments) -> Result<Config, ConfigError> {
    let path = config::find(place.config.as_deref()).unwrap_or_else(|| PathBuf::from(DEFAULT_PATHS[0]));
    Config::load(&path, std::env::vars())
}

/// Where the data is: the directory named, else as configured, else the private server's usual place.
pub(super) fn database_settings(place: &PlaceArguments) -> Result<DatabaseSettings, ConfigError> {
    match (&place.data_dir, config::find(place.config.as_deref())) {
        (Some(data_dir), _) => Ok(DatabaseSettings::private(data_dir)),
        (None, Some(path)) => Ok(Config::load(&path, std::env::vars())?.database),
        (None, None) => Config::database_of(std::env::vars()),
    }
}

/// The organisation's, where a configuration says it, else the one a configuration has when it does not.
///
/// # Errors
/// When a configuration was named and is wrong. One that is only lying around is left alone.
pub(super) fn time_zone(place: &PlaceArguments) -> Result<Tz, ConfigError> {
    let organisation = match (&place.config, configuration(place)) {
        (_, Ok(config)) => config.organisation,
        (Some(_), Err(error)) => return Err(error),
        (None, Err(_)) => config::Organisation::titled(""),
    };
    Ok(organisation.time_zone)
}

/// An open database with the organisation that commands are about.
pub(super) struct Operator {
    pub pool: PgPool,
    pub clock: Clock,
    pub organisation: StoredOrganisation,
    /// Where the public pages are, for links in messages; known from the configuration only.
    public_url: Option<String>,
    database: Database,
}

impl Operator {
    /// Connects to the database of a service: to the private server where it runs already, else to one started for
    /// the time of the command.
    pub async fn open(place: &PlaceArguments) -> anyhow::Result<Self> {
        let settings = database_settings(place)?;
        if settings.given()?.is_none() && !settings.data_dir().join("owner.lock").exists() {
            let data_dir = settings.data_dir();
            let remedy = format!(
                "there is no data in {}: run `crieur serve` or `crieur demo` first, or name its directory with \
                 --data-dir or its configuration with --config",
                data_dir.display()
            );
            return Err(WrongCall(remedy).into());
        }
        let database = Database::open(&settings, IfRunning::Join).await?;
        match connect(&database).await {
            Ok((pool, organisation)) => {
                Ok(Self { pool, clock: Clock::system(), organisation, public_url: public_url(place), database })
            }
            Err(error) => {
                database.stop().await?;
                Err(error)
            }
        }
    }

    /// Runs one command and lets go of the database, whatever came of it.
    pub async fn run<T>(
        place: &PlaceArguments,
        work: impl AsyncFnOnce(&Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let operator = Self::open(place).await?;
        let done = work(&operator).await;
        operator.pool.close().await;
        operator.database.stop().await?;
        done
    }

    /// The service with its plugins, put together and not running.
    pub async fn service(&self) -> anyhow::Result<Service> {
        let parts = Parts {
            pool: self.pool.clone(),
            clock: self.clock.clone(),
            random: Random::from_os(),
            public_url: self.public_url.clone(),
            organisation: self.organisation.settings.clone(),
            plugins: crate::plugins::all()?,
        };
        Ok(Service::assemble(parts).await?)
    }

    /// Runs an operation of a plugin in one transaction with its effects. The service that runs, or the next one,
    /// carries them out.
    pub async fn perform<T, E: Into<anyhow::Error>>(
        &self,
        plugin: &PluginId,
        work: impl AsyncFnOnce(&mut Context) -> Result<T, E>,
    ) -> anyhow::Result<T> {
        let service = self.service().await?;
        let core: &Core = service.core();
        let organisation: &Organisation = service.default_organisation()?;
        core.perform(organisation, plugin, work).await?.map_err(Into::into)
    }
}

fn public_url(place: &PlaceArguments) -> Option<String> {
    if place.data_dir.is_some() || config::find(place.config.as_deref()).is_none() {
        return None;
    }
    // One that is wrong was told when the database was looked for.
    configuration(place).ok()?.http.public.public_url
}

async fn connect(database: &Database) -> anyhow::Result<(PgPool, StoredOrganisation)> {
    let pool = store::connect(database.options(), CONNECTIONS).await?;
    if store::migrations(&pool).await?.iter().any(|migration| !migration.applied) {
        anyhow::bail!("the database is older than this program: run `crieur migrate`");
    }
    let organisation = organisations::find_default(&pool).await?;
    let Some(organisation) = organisation else {
        anyhow::bail!("no service has run on this database yet: run `crieur serve` first");
    };
    Ok((pool, organisation))
}
