//! What happens on the calls of all servers, for whoever watches.

use std::{sync::Arc, time::Duration};

use sqlx::postgres::PgListener;
use tokio::{
    sync::{Notify, broadcast, watch},
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    record::StatusEvent,
    store::{AGENTS_CHANNEL, Backend, EVENTS_CHANNEL, Store, StoreError},
    time::UnixMs,
};

/// Reads events from the database, as soon as they are there, and tells them to all subscribers in order. Ends when
/// dropped.
#[derive(Debug)]
pub struct Feed {
    events: broadcast::Sender<Arc<StatusEvent>>,
    agents: watch::Receiver<i64>,
    woken: Arc<Notify>,
    tasks: Vec<JoinHandle<()>>,
}

impl Feed {
    /// Starts with what comes after `store` was opened. `url` is that of its database, listened to if it is PostgreSQL,
    /// so that what other servers write is there at once, and not after [`POLL`].
    pub fn start(store: Store, url: &str) -> Self {
        let (events, _) = broadcast::channel(CAPACITY);
        let (version, agents) = watch::channel(-1);
        let woken = Arc::new(Notify::new());
        let mut tasks = Vec::new();
        if store.backend() == Backend::Postgres {
            tasks.push(tokio::spawn(listen(url.to_owned(), Arc::clone(&woken))));
        }
        tasks.push(tokio::spawn(tidy(store.clone())));
        let reader = Reader {
            last: store.first_event(),
            store,
            events: events.clone(),
            version,
        };
        tasks.push(tokio::spawn(reader.run(Arc::clone(&woken))));
        Self {
            events,
            agents,
            woken,
            tasks,
        }
    }

    /// All events from now on. A receiver that lags by more than some 1000 is told so and finds what it has missed with
    /// [`Store::events_after`].
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<StatusEvent>> {
        self.events.subscribe()
    }

    /// [`Store::agents_version`], as it was last read, −1 before that: changes soon after any server has changed an
    /// agent or a number.
    pub fn agents_version(&self) -> watch::Receiver<i64> {
        self.agents.clone()
    }

    /// Looks for news now. What this process writes through its [`Store`] is looked for without it.
    pub fn wake(&self) {
        self.woken.notify_one();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

struct Reader {
    store: Store,
    /// Id of the last event that was told.
    last: i64,
    events: broadcast::Sender<Arc<StatusEvent>>,
    version: watch::Sender<i64>,
}

impl Reader {
    async fn run(mut self, woken: Arc<Notify>) {
        loop {
            // Whether the database is away shows elsewhere; here it is tried again until it is back.
            let _ = self.read().await;
            let next_poll = Instant::now() + POLL;
            tokio::select! {
                () = woken.notified() => {}
                () = self.store.changed().notified() => {}
                () = tokio::time::sleep_until(next_poll) => {}
            }
        }
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        loop {
            let events = self.store.events_after(self.last, PORTION).await?;
            let is_all = events.len() < PORTION as usize;
            for event in events {
                self.last = event.id;
                // Nobody watches, perhaps.
                let _ = self.events.send(Arc::new(event));
            }
            if is_all {
                break;
            }
        }
        let version = self.store.agents_version().await?;
        self.version.send_if_modified(|known| {
            let is_new = *known != version;
            *known = version;
            is_new
        });
        Ok(())
    }
}

/// Wakes the reader whenever PostgreSQL tells of something, and when the connection was lost in between.
async fn listen(url: String, woken: Arc<Notify>) {
    loop {
        // A listener that hears nothing is made anew: a connection whose peer has vanished looks the same.
        let until = Instant::now() + LISTENER_LIFE;
        if let Ok(Ok(mut listener)) =
            timeout_at(until.min(Instant::now() + CONNECT), connect(&url)).await
        {
            woken.notify_one();
            while let Ok(Ok(Some(_))) = timeout_at(until, listener.try_recv()).await {
                woken.notify_one();
            }
        }
        sleep(RECONNECT).await;
    }
}

async fn connect(url: &str) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener
        .listen_all([EVENTS_CHANNEL, AGENTS_CHANNEL])
        .await?;
    Ok(listener)
}

/// Removes old events, and ends calls whose server has not come back.
async fn tidy(store: Store) {
    loop {
        let before = |age: Duration| {
            let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            UnixMs(UnixMs::now().0.saturating_sub(age))
        };
        if let Err(error) = store.purge_events(before(KEPT), MOST_KEPT).await {
            tracing::warn!(%error, "old events stay for now");
        }
        if let Err(error) = store.end_forgotten_calls(before(LONGEST_CALL)).await {
            tracing::warn!(%error, "forgotten calls stay open for now");
        }
        sleep(TIDY).await;
    }
}

/// How long an event may go unnoticed if whoever wrote it could not tell.
pub const POLL: Duration = Duration::from_secs(2);
/// Events that a subscriber may lag behind, some hundred bytes each.
const CAPACITY: usize = 1024;
/// Events read at a time.
const PORTION: i64 = 500;
const LISTENER_LIFE: Duration = Duration::from_secs(300);
const CONNECT: Duration = Duration::from_secs(5);
const RECONNECT: Duration = Duration::from_millis(500);
/// Between two rounds of tidying.
const TIDY: Duration = Duration::from_secs(3600);
/// Whoever was away for longer reads the calls themselves.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
const MOST_KEPT: i64 = 100_000;
/// Twilio ends a call after 24 hours. Source: `TimeLimit` in https://www.twilio.com/docs/voice/api/call-resource
const LONGEST_CALL: Duration = Duration::from_secs(25 * 3600);
