//! Everything a server needs, put together.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use axum::Router;
use rustls::ClientConfig;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::{interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    admissions::Admissions,
    agent::PhoneNumber,
    api::{self, ApiKey, ApiState, CallCount, Health, Readiness},
    app::{App, Calls, Phase},
    config::Config,
    directory::Directory,
    feed::Feed,
    greetings::Greetings,
    http::{self, Repeats},
    journal::{Journal, Writer},
    log::Log,
    metrics, model,
    recording::{self, Recordings},
    secret::Secret,
    store::Store,
    time::UnixMs,
    tools::{self, Destinations, SystemResolver, Tools},
    twilio_rest::{self, TwilioRest},
};

/// A server that is ready to listen.
pub(crate) struct Server {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
    /// Ends the streams of status events.
    pub(crate) shutdown: CancellationToken,
    writer: Writer,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Opens the database, the journal and the recordings, and makes what an empty database lacks.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    pub(crate) async fn open(config: Config, log: Arc<Log>) -> anyhow::Result<Self> {
        metrics::install()?;
        let store = Store::open(&config.database_url)
            .await
            .context("cannot open DATABASE_URL")?;
        seed(&store, &config).await?;
        let (journal, writer) = Journal::open(&config.journal, store.clone())
            .await
            .context("cannot open JOURNAL_PATH")?;
        let recordings =
            open_recordings(&config, &journal).context("cannot open RECORDING_STORAGE_PATH")?;
        let directory = Directory::default();
        directory.refresh(&store).await?;
        if directory.len() == 0 {
            log.write("no_numbers", serde_json::json!({}));
        }
        let tls = model::tls()?;
        let auth_token = Secret::new(config.twilio_auth_token.clone().unwrap_or_default());
        let twilio = TwilioRest::new(
            &config.twilio_api_url,
            &config.twilio_account_sid,
            auth_token,
            twilio_rest::client((*tls).clone())?,
        )?;
        let destinations = destinations(&config)?;
        let settings = tool_settings(&config, destinations.clone(), (*tls).clone());
        let tools = Tools::new(store.clone(), settings)?;
        let app = Arc::new(App {
            log,
            tls,
            admissions: Admissions::default(),
            calls: Calls::default(),
            callbacks: Repeats::default(),
            directory,
            journal,
            recordings,
            greetings: Greetings::new(config.greetings.clone()),
            tools,
            twilio,
            capacity: Arc::new(Semaphore::new(config.max_calls)),
            phase: watch::Sender::new(Phase::Running),
            config,
        });

        let feed = Arc::new(Feed::start(store.clone(), &app.config.database_url));
        let shutdown = CancellationToken::new();
        let router = router(&app, &store, &feed, destinations, &shutdown);
        let tasks = vec![
            tokio::spawn(follow_directory(Arc::clone(&app), store.clone(), feed)),
            tokio::spawn(metrics::upkeep()),
            tokio::spawn(count_journal(Arc::clone(&app))),
            tokio::spawn(purge_recordings(Arc::clone(&app), store)),
        ];
        Ok(Self {
            app,
            router,
            shutdown,
            writer,
            tasks,
        })
    }

    /// Writes all that is to be written. No call may be under way any more.
    pub(crate) async fn close(self) {
        for task in &self.tasks {
            task.abort();
        }
        let app = Arc::clone(&self.app);
        // What a disk that hangs leaves unfinished is found by the next server.
        let closing = tokio::task::spawn_blocking(move || app.recordings.close());
        let closed = timeout(RECORDINGS_TIMEOUT, closing).await;
        let lost = self.writer.close(WRITE_TIMEOUT).await;
        self.app.log.write(
            "written",
            serde_json::json!({ "recordings_closed": matches!(closed, Ok(Ok(()))), "records_lost": lost }),
        );
    }
}

/// The first agent and its number, where there is no agent yet; a clinic's calendar, if that is asked for.
async fn seed(store: &Store, config: &Config) -> anyhow::Result<()> {
    if store.agents().await?.is_empty() {
        let agent = store.create_agent(config.first_agent.clone()).await?;
        if let Some(number) = config.first_number.clone()
            && store.numbers().await?.is_empty()
        {
            let number = PhoneNumber {
                number,
                agent_id: agent.id,
                label: None,
                enabled: true,
            };
            store.put_number(number).await?;
        }
    }
    if config.seed_demo {
        store.seed_demo(UnixMs::now(), &config.time_zone).await?;
    }
    Ok(())
}

fn open_recordings(config: &Config, journal: &Journal) -> anyhow::Result<Recordings> {
    let Some(format) = config.recording_format else {
        return Ok(Recordings::default());
    };
    let mut settings = recording::Settings::new(&config.recordings, format);
    settings.keep = config.recording_retention;
    let journal = journal.clone();
    let recordings = Recordings::open(settings, move |record| journal.write(record))?;
    recordings.recover()?;
    Ok(recordings)
}

fn destinations(config: &Config) -> anyhow::Result<Destinations> {
    let hosts = config.tool_internal_hosts.iter();
    let hosts = hosts
        .map(|host| host.parse())
        .collect::<Result<Vec<_>, _>>();
    Ok(Destinations::new(hosts.context("TOOL_INTERNAL_HOSTS")?))
}

fn tool_settings(
    config: &Config,
    destinations: Destinations,
    tls: ClientConfig,
) -> tools::Settings {
    tools::Settings {
        time_zone: config.time_zone.clone(),
        webhook_secret: config.tool_webhook_secret.clone().map(Secret::new),
        destinations,
        resolver: Arc::new(SystemResolver),
        tls,
        limits: tools::Limits::default(),
    }
}

fn router(
    app: &Arc<App>,
    store: &Store,
    feed: &Arc<Feed>,
    destinations: Destinations,
    shutdown: &CancellationToken,
) -> Router {
    let config = &app.config;
    let counted = Arc::clone(app);
    let health = Health::new(Readiness {
        store: store.clone(),
        directories: vec![
            ("recordings", absolute(&config.recordings)),
            ("journal", absolute(&config.journal)),
        ],
        is_model_configured: true,
        calls: Box::new(move || CallCount {
            active: counted.calls.len(),
            limit: counted.config.max_calls,
            is_draining: *counted.phase.borrow() != Phase::Running,
        }),
    });
    let api = api::router(ApiState {
        store: store.clone(),
        subscribe: Arc::new({
            let feed = Arc::clone(feed);
            move || feed.subscribe()
        }),
        recordings: config.recordings.clone(),
        key: ApiKey::new(&config.api_key),
        metrics_open: false,
        watchers: Arc::new(Semaphore::new(MAX_WATCHERS)),
        destinations,
        directory_changed: Arc::new({
            let feed = Arc::clone(feed);
            move || feed.wake()
        }),
        shutdown: shutdown.clone(),
    });
    api::around(
        http::router(Arc::clone(app))
            .merge(health.router())
            .merge(api),
    )
}

fn absolute(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Keeps the directory up to date.
async fn follow_directory(app: Arc<App>, store: Store, feed: Arc<Feed>) {
    let mut version = feed.agents_version();
    while version.changed().await.is_ok() {
        // Until it succeeds: calls are let in by what was known before.
        while let Err(error) = app.directory.refresh(&store).await {
            app.log.write(
                "directory_not_refreshed",
                serde_json::json!({ "error": error.to_string() }),
            );
            sleep(RETRY).await;
        }
    }
}

async fn count_journal(app: Arc<App>) {
    let mut ticks = interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        metrics::journal_depth(app.journal.depth());
    }
}

async fn purge_recordings(app: Arc<App>, store: Store) {
    app.recordings
        .purge_hourly(|cutoff| {
            let store = store.clone();
            async move { store.recordings_before(cutoff).await }
        })
        .await;
}

/// Between two looks at a database that does not answer.
const RETRY: Duration = Duration::from_secs(1);
/// For the disk to take what is left of the recordings.
const RECORDINGS_TIMEOUT: Duration = Duration::from_secs(10);
/// For the database to take the last records; the journal has them in any case.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Of the status stream at a time.
const MAX_WATCHERS: usize = 200;
