//! `serve`, `demo` and `migrate`.

use std::path::PathBuf;
use std::process::ExitCode;

use bot_core::Locale;
use bot_core::store;
use serde_json::json;

use super::WrongCall;
use super::arguments::{DemoArguments, PlaceArguments};
use super::operator::{configuration, database_settings};
use super::output::Output;
use crate::app::{App, Start};
use crate::config::{Config, Database as DatabaseSettings, Log};
use crate::database::{Database, IfRunning};
use crate::demo;
use crate::logging::{self, Secrets};
use crate::running::{StopSignals, until_stopped};

pub(super) async fn serve(place: &PlaceArguments) -> anyhow::Result<ExitCode> {
    let mut config = configuration(place)?;
    if config.accounts.is_empty() {
        let remedy = "no account is configured, so nobody could be reached: add an [[account]] \
                      (docs/crieur.toml.example shows one)";
        return Err(WrongCall(remedy.to_owned()).into());
    }
    if let Some(data_dir) = &place.data_dir {
        config.database = DatabaseSettings::private(data_dir);
    }
    let secrets = Secrets::default();
    logging::start(&config.log, secrets.clone())?;
    run(config, secrets, async |_| Ok(())).await
}

pub(super) async fn demo(place: &PlaceArguments, demo: &DemoArguments, output: Output) -> anyhow::Result<ExitCode> {
    let mut config = Config::with_title(demo::TITLE);
    config.http.public.listen = demo.listen;
    // Any free port: the demonstration may stand beside a real service.
    config.http.admin.listen.set_port(0);
    let data_dir = place.data_dir.clone().unwrap_or_else(default_demo_dir);
    config.database = DatabaseSettings::private(&data_dir);
    // What is printed should stay on the screen.
    config.log = Log { filter: "warn,usvg=error".to_owned(), ..Log::default() };
    let secrets = Secrets::default();
    logging::start(&config.log, secrets.clone())?;
    if !demo.listen.ip().is_loopback() {
        tracing::warn!("The demonstration can be reached from other machines, without encryption");
    }
    run(config, secrets, async |app| {
        demo::seed(app).await?;
        let welcome = Welcome { url: app.public_url(), data_dir, program: program() };
        output.answer(
            &json!({
                "url": welcome.url,
                "admin": format!("http://{}", app.admin_address()),
                "data_dir": welcome.data_dir,
            }),
            || welcome.words(speaks(std::env::var("LC_ALL").or_else(|_| std::env::var("LANG")).ok().as_deref())),
        )?;
        Ok(())
    })
    .await
}

/// Starts database and service, does what `greet` wants, and runs until stopped.
async fn run(
    config: Config,
    secrets: Secrets,
    greet: impl AsyncFnOnce(&App) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let mut signals = StopSignals::listen()?;
    let deadline = config.stopping.deadline();
    let database = tokio::select! {
        database = Database::open(&config.database, IfRunning::Refuse) => database?,
        () = signals.next() => return Ok(ExitCode::SUCCESS),
    };
    let start = Start { secrets, ..Start::new(config, database.options()) };
    let started = async {
        let app = App::start(start).await?;
        greet(&app).await?;
        Ok::<_, anyhow::Error>(app)
    };
    let app = tokio::select! {
        started = started => started,
        () = signals.next() => {
            database.stop().await?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    match app {
        Ok(app) => until_stopped(app, database, signals, deadline).await,
        Err(error) => {
            database.stop().await?;
            Err(error)
        }
    }
}

pub(super) async fn migrate(place: &PlaceArguments, output: Output) -> anyhow::Result<ExitCode> {
    let database = Database::open(&database_settings(place)?, IfRunning::Join).await?;
    let migrated = async {
        let pool = store::connect(database.options(), 2).await?;
        let before = store::migrations(&pool).await?.into_iter().filter(|migration| migration.applied).count();
        store::migrate(&pool).await?;
        let after = store::migrations(&pool).await?.len();
        pool.close().await;
        Ok::<_, anyhow::Error>((after - before, after))
    };
    let migrated = migrated.await;
    database.stop().await?;
    let (applied, version) = migrated?;
    output.answer(&json!({ "applied": applied, "version": version }), || match applied {
        0 => format!("The database is up to date (version {version})."),
        _ => format!("The database was brought up to date: {applied} steps, now version {version}."),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Beside the place of a real service, never in it.
fn default_demo_dir() -> PathBuf {
    let real = embedded_postgres::default_data_dir();
    real.with_file_name("crieur-demo")
}

/// How this program is called from here.
fn program() -> String {
    let path = std::env::current_exe().ok();
    let here = std::env::current_dir().ok();
    let relative = path.as_deref().zip(here.as_deref()).and_then(|(path, here)| path.strip_prefix(here).ok());
    relative.map_or_else(|| "crieur".to_owned(), |path| path.display().to_string())
}

/// French unless the terminal speaks another language.
fn speaks(tag: Option<&str>) -> Locale {
    match tag {
        Some(tag) if tag.starts_with("fr") => Locale::Fr,
        Some("" | "C" | "POSIX" | "C.UTF-8") | None => Locale::Fr,
        Some(_) => Locale::En,
    }
}

/// What the demonstration says when it is ready.
struct Welcome<'w> {
    url: &'w str,
    data_dir: PathBuf,
    program: String,
}

impl Welcome<'_> {
    fn words(&self, locale: Locale) -> String {
        let Self { url, program, .. } = self;
        let data_dir = self.data_dir.display();
        match locale {
            Locale::Fr => format!(
                "\n  crieur est prêt : {url}\n\n\
                 \x20 À essayer :\n\
                 \x20 1. Ouvrez {url} et répondez à une consultation : /consultations\n\
                 \x20 2. Voyez ce qu’il en reste une fois close : {url}/consultations/barometre-2016\n\
                 \x20 3. Changez d’avis, demandez vos données (/mes_donnees), effacez-les (/effacer)\n\n\
                 \x20 Devenir organisateur : envoyez /mes_donnees, le fichier donne votre adresse (webchat:…), puis\n\
                 \x20   {program} roles grant organiser webchat:… --data-dir {data_dir}\n\n\
                 \x20 Arrêter : Ctrl-C. Les données restent dans {data_dir}\n"
            ),
            Locale::En => format!(
                "\n  crieur is ready: {url}\n\n\
                 \x20 To try:\n\
                 \x20 1. Open {url} and answer a consultation: /polls\n\
                 \x20 2. See what is left of one once it is closed: {url}/consultations/barometre-2016?lang=en\n\
                 \x20 3. Change your mind, ask for your data (/my_data), erase it (/erase)\n\n\
                 \x20 To become an organiser, send /my_data: the file gives your address (webchat:…); then\n\
                 \x20   {program} roles grant organiser webchat:… --data-dir {data_dir}\n\n\
                 \x20 To stop: Ctrl-C. The data stays in {data_dir}\n"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_welcome_speaks_the_language_of_the_terminal() {
        assert_eq!(speaks(Some("en_GB.UTF-8")), Locale::En);
        assert_eq!(speaks(Some("fr_FR.UTF-8")), Locale::Fr);
        assert_eq!(speaks(None), Locale::Fr);
    }
}
