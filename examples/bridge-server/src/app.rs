//! What all calls and requests share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustls::ClientConfig;
use tokio::sync::{Notify, Semaphore, watch};

use crate::{
    admissions::Admissions, config::Config, directory::Directory, greetings::Greetings,
    http::Repeats, journal::Journal, log::Log, recording::Recordings, tools::Tools,
    twilio_rest::TwilioRest,
};

pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) log: Arc<Log>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) admissions: Admissions,
    pub(crate) calls: Calls,
    /// Status callbacks that came lately.
    pub(crate) callbacks: Repeats,
    pub(crate) directory: Directory,
    pub(crate) journal: Journal,
    pub(crate) recordings: Recordings,
    pub(crate) greetings: Greetings,
    pub(crate) tools: Tools,
    pub(crate) twilio: TwilioRest,
    /// One permit per call that may still be taken.
    pub(crate) capacity: Arc<Semaphore>,
    pub(crate) phase: watch::Sender<Phase>,
}

/// The server's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    /// Live calls go on, new ones are refused.
    Draining,
    /// Live calls are closed.
    Ending,
}

/// The calls under way, by SID.
#[derive(Default)]
pub(crate) struct Calls {
    by_sid: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Calls {
    /// Adds a call. What comes back is notified by [`end`](Self::end).
    pub(crate) fn add(&self, sid: &str) -> Arc<Notify> {
        let end = Arc::new(Notify::new());
        self.lock().insert(sid.to_owned(), Arc::clone(&end));
        end
    }

    /// Tells a call, if it is there, that it is over.
    pub(crate) fn end(&self, sid: &str) {
        if let Some(end) = self.lock().get(sid) {
            end.notify_one();
        }
    }

    /// Removes what [`add`](Self::add) gave; anybody else's call of that SID stays.
    pub(crate) fn remove(&self, sid: &str, end: &Arc<Notify>) {
        let mut by_sid = self.lock();
        if by_sid.get(sid).is_some_and(|known| Arc::ptr_eq(known, end)) {
            by_sid.remove(sid);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.by_sid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
