//! Runs a plugin apart from everything else: on a thread of its own, each call within a time limit, a panic caught,
//! a flood of effects refused. The others go on whatever happens here.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use serde_json::Value;
use sqlx::PgPool;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::action::ActionPayload;
use crate::ids::{ContactId, PluginId};
use crate::plugin::{
    Audience, CommandCall, Context, DeliveryOutcome, EFFECTS_MAX, Event, Fetched, FiredFire, HandlerError, Manifest,
    Plugin, PluginState,
};

/// How long one call may take.
pub const CALL_TIME_MAX: Duration = Duration::from_secs(4);
/// When a plugin that holds its thread is given up: it could not even be interrupted.
const THREAD_TIME_MAX: Duration = Duration::from_secs(6);
/// Calls of one plugin that run side by side; each holds a connection.
pub const CALLS_AT_ONCE_MAX: usize = 4;
/// Failures in a row after which a plugin is shown as degraded.
const FAILURES_TO_DEGRADED: u32 = 3;
/// Failures in a row after which it is no longer called.
const FAILURES_TO_DISABLED: u32 = 10;

/// One call into a plugin.
#[derive(Clone, Debug)]
pub enum Call {
    Start,
    Command(CommandCall),
    Action(ActionPayload),
    Text { name: String, text: String },
    Event(Event),
    Fire(FiredFire),
    Delivery(DeliveryOutcome),
    Fetched(Fetched),
    Export(ContactId),
}

/// Why a call left nothing behind.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the plugin is disabled: {0}")]
    Disabled(String),
    #[error("{0}")]
    Handler(#[from] HandlerError),
    #[error("it panicked: {0}")]
    Panicked(String),
    #[error("it did not return within {} s", CALL_TIME_MAX.as_secs())]
    Overran,
    #[error("it holds its thread and did not return within {} s", THREAD_TIME_MAX.as_secs())]
    Stuck,
    /// The database hung while the plugin waited for it: nobody's fault.
    #[error("the database did not answer in time")]
    Outage,
    #[error("it asked for {0} effects in one call: at most {EFFECTS_MAX} are allowed")]
    Flooded(usize),
}

impl CallError {
    /// The database was away: nobody's fault, and no attempt is used up.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Outage) || matches!(self, Self::Handler(HandlerError::Database(error)) if is_outage(error))
    }
}

/// Whether Postgres itself was unreachable or going away, or somebody else's lock was waited for in vain, as opposed to
/// refusing a statement.
pub fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        // Class 57P (operator intervention), 08 (connection), 53 (resources), 40 (rolled back for the sake of another,
        // a deadlock for one), 55P03 (lock not available): Postgres manual, appendix A.
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| ["57P", "08", "53", "40", "55P03"].iter().any(|class| code.starts_with(class))),
        _ => false,
    }
}

/// The context comes back only from a call that went well.
type Answer = (Option<Context>, Result<Option<Value>, CallError>);

struct Job {
    context: Context,
    call: Call,
    answer: oneshot::Sender<Answer>,
}

/// The way into a plugin's thread. A slot is taken before a job is handed over, so that a job's time is its own and
/// not that of the jobs before it.
#[derive(Clone)]
struct Thread {
    jobs: mpsc::Sender<Job>,
    slots: Arc<Semaphore>,
}

/// A loaded plugin.
pub struct PluginHost {
    plugin: Arc<dyn Plugin>,
    manifest: Manifest,
    status: Mutex<Status>,
}

struct Status {
    state: PluginState,
    reason: Option<String>,
    failures_in_a_row: u32,
    thread: Option<Thread>,
}

impl PluginHost {
    pub fn new(plugin: Arc<dyn Plugin>) -> Self {
        let manifest = plugin.manifest().clone();
        let status = Status { state: PluginState::Registered, reason: None, failures_in_a_row: 0, thread: None };
        Self { plugin, manifest, status: Mutex::new(status) }
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Who may press the button that carries `action`.
    pub(crate) fn audience(&self, action: &ActionPayload) -> Audience {
        // The plugin's own code runs here on the dispatcher's task: a panic closes the door.
        std::panic::catch_unwind(AssertUnwindSafe(|| self.plugin.audience(action))).unwrap_or(Audience::Operators)
    }

    pub fn state(&self) -> (PluginState, Option<String>) {
        let status = self.status();
        (status.state, status.reason.clone())
    }

    pub(crate) fn is_callable(&self) -> bool {
        matches!(self.status().state, PluginState::Starting | PluginState::Running | PluginState::Degraded)
    }

    /// Gives the plugin a fresh thread. One that is stuck in an old thread is left behind there.
    pub(crate) fn spawn(&self) -> std::io::Result<()> {
        let (sender, receiver) = mpsc::channel(CALLS_AT_ONCE_MAX);
        let plugin = Arc::clone(&self.plugin);
        std::thread::Builder::new()
            .name(format!("plugin {}", self.manifest.id))
            .spawn(move || run_thread(plugin, receiver))?;
        let mut status = self.status();
        status.thread = Some(Thread { jobs: sender, slots: Arc::new(Semaphore::new(CALLS_AT_ONCE_MAX)) });
        status.failures_in_a_row = 0;
        status.state = PluginState::Starting;
        status.reason = None;
        Ok(())
    }

    pub(crate) fn set_state(&self, state: PluginState, reason: Option<String>) {
        let mut status = self.status();
        status.state = state;
        status.reason = reason;
        if matches!(state, PluginState::Disabled | PluginState::Stopped) {
            status.thread = None;
        }
    }

    /// Runs one call and gives the context back with what was asked for.
    ///
    /// # Errors
    /// The call failed and its context, with everything done in it, is gone.
    pub(crate) async fn call(
        &self,
        pool: &PgPool,
        context: Context,
        call: Call,
    ) -> Result<(Context, Option<Value>), CallError> {
        let Some(thread) = self.status().thread.clone() else {
            return Err(CallError::Disabled(self.state().1.unwrap_or_default()));
        };
        let Ok(_slot) = thread.slots.acquire().await else {
            return Err(CallError::Disabled("its thread has ended".to_owned()));
        };
        let (answer, answered) = oneshot::channel();
        let end = match thread.jobs.try_send(Job { context, call, answer }) {
            // A slot was free, so only a thread that reads no jobs has a full queue.
            Err(mpsc::error::TrySendError::Full(_)) => Err(CallError::Stuck),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(CallError::Disabled("its thread has ended".to_owned())),
            Ok(()) => match tokio::time::timeout(THREAD_TIME_MAX, answered).await {
                Err(_) | Ok(Err(_)) => Err(CallError::Stuck),
                Ok(Ok((Some(context), Ok(value)))) => Ok((context, value)),
                Ok(Ok((None, Ok(_)))) => Err(CallError::Overran),
                Ok(Ok((_, Err(error)))) => Err(error),
            },
        };
        let end = match end {
            // Whoever waits for a database that hangs overruns too.
            Err(CallError::Overran | CallError::Stuck) if !answers(pool).await => Err(CallError::Outage),
            end => end,
        };
        self.record(end.as_ref().err());
        end
    }

    /// Counts failures in a row; success forgets them.
    fn record(&self, error: Option<&CallError>) {
        let mut status = self.status();
        let Some(error) = error else {
            if status.failures_in_a_row > 0 {
                status.failures_in_a_row = 0;
                if status.state == PluginState::Degraded {
                    status.state = PluginState::Running;
                    status.reason = None;
                }
            }
            return;
        };
        if error.is_outage() || matches!(error, CallError::Disabled(_)) {
            return;
        }
        status.failures_in_a_row += 1;
        let failures = status.failures_in_a_row;
        if matches!(error, CallError::Stuck) || failures >= FAILURES_TO_DISABLED {
            tracing::error!(plugin.id = %self.manifest.id, "Disabled plugin {}: {error}", self.manifest.id);
            status.state = PluginState::Disabled;
            status.reason = Some(format!("{error} ({failures} failures in a row)"));
            status.thread = None;
        } else if failures >= FAILURES_TO_DEGRADED {
            status.state = PluginState::Degraded;
            status.reason = Some(format!("{error} ({failures} failures in a row)"));
        }
    }

    fn status(&self) -> std::sync::MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run_thread(plugin: Arc<dyn Plugin>, mut jobs: mpsc::Receiver<Job>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("A plugin's thread could not start: {error}");
            return;
        }
    };
    runtime.block_on(async move {
        while let Some(job) = jobs.recv().await {
            let plugin = Arc::clone(&plugin);
            tokio::spawn(async move { run_job(&*plugin, job).await });
        }
    });
}

/// Whether the database answers at all, within a second.
async fn answers(pool: &PgPool) -> bool {
    let question = sqlx::query_scalar!(r#"SELECT true AS "yes!""#).fetch_one(pool);
    matches!(tokio::time::timeout(Duration::from_secs(1), question).await, Ok(Ok(_)))
}

async fn run_job(plugin: &dyn Plugin, job: Job) {
    let Job { mut context, call, answer } = job;
    let work = AssertUnwindSafe(run_call(plugin, &mut context, call)).catch_unwind();
    let result = match tokio::time::timeout(CALL_TIME_MAX, work).await {
        Err(_) => Err(CallError::Overran),
        Ok(Err(panic)) => Err(CallError::Panicked(panic_words(&*panic))),
        Ok(Ok(Err(error))) => Err(CallError::Handler(error)),
        Ok(Ok(Ok(_))) if context.effects.len() > EFFECTS_MAX => Err(CallError::Flooded(context.effects.len())),
        Ok(Ok(Ok(value))) => Ok(value),
    };
    let context = result.is_ok().then_some(context);
    // An error means that the dispatcher gave up on us: dropping the context rolls everything back.
    let _ = answer.send((context, result));
}

async fn run_call(plugin: &dyn Plugin, context: &mut Context, call: Call) -> Result<Option<Value>, HandlerError> {
    match call {
        Call::Start => plugin.start(context).await?,
        Call::Command(command) => plugin.on_command(context, &command).await?,
        Call::Action(action) => plugin.on_action(context, &action).await?,
        Call::Text { name, text } => plugin.on_text(context, &name, &text).await?,
        Call::Event(event) => plugin.on_event(context, &event).await?,
        Call::Fire(fire) => plugin.on_fire(context, &fire).await?,
        Call::Delivery(outcome) => plugin.on_delivery(context, &outcome).await?,
        Call::Fetched(fetched) => plugin.on_fetched(context, &fetched).await?,
        Call::Export(contact) => return plugin.export(context, contact).await.map(Some),
    }
    Ok(None)
}

fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    // A panic's words may quote what a person wrote: only where they are a fixed text are they kept.
    match words {
        Some(words) if panic.is::<&str>() => words.to_owned(),
        _ => "see the plugin's own code".to_owned(),
    }
}

impl std::fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginHost").field("id", &self.manifest.id).finish_non_exhaustive()
    }
}

/// The plugin that owns a command, by either of its names.
pub(crate) fn owner_of_command<'p>(
    plugins: impl IntoIterator<Item = &'p PluginHost>,
    name: &str,
) -> Option<(&'p PluginId, crate::plugin::CommandDeclaration)> {
    plugins.into_iter().find_map(|host| {
        let manifest = &host.manifest;
        let command = manifest.commands.iter().find(|command| command.name == name || command.name_en == name)?;
        Some((&manifest.id, command.clone()))
    })
}
