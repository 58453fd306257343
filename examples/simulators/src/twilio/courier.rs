//! Status callbacks: requests that the call does not wait for.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::Options;
use super::http::post;
use super::record::{Request, Violation};
use crate::Clock;
use crate::random::Random;

/// Delivers callbacks, in order or, as may happen, not.
#[derive(Debug)]
pub(super) struct Courier {
    letters: mpsc::UnboundedSender<Letter>,
    worker: JoinHandle<Vec<Delivery>>,
}

/// One callback.
#[derive(Clone, Debug)]
struct Letter {
    url: String,
    token: String,
    fields: Vec<(String, String)>,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) request: Request,
    pub(super) violation: Option<Violation>,
}

impl Courier {
    pub(super) fn new(options: &Options) -> Self {
        let (letters, queue) = mpsc::unbounded_channel();
        let route = Route {
            clock: options.clock,
            connect_to: options.connect_to.clone(),
            auth_token: options.auth_token.clone(),
        };
        let random = options.unruly_callbacks.then(|| Random::new(options.seed));
        Self {
            letters,
            worker: tokio::spawn(work(route, queue, random)),
        }
    }

    pub(super) fn send(&self, url: &str, token: String, fields: Vec<(String, String)>) {
        let letter = Letter {
            url: url.to_owned(),
            token,
            fields,
        };
        // The worker lives as long as this sender.
        let _ = self.letters.send(letter);
    }

    /// Waits until everything is delivered.
    pub(super) async fn finish(self) -> Vec<Delivery> {
        drop(self.letters);
        self.worker.await.unwrap_or_default()
    }
}

/// How to reach the server.
#[derive(Clone)]
struct Route {
    clock: Clock,
    connect_to: Option<String>,
    auth_token: String,
}

impl Route {
    async fn deliver(&self, letter: &Letter) -> Delivery {
        let time = self.clock.now();
        let connect_to = self.connect_to.as_deref();
        let Letter { url, token, fields } = letter;
        let result = post(url, connect_to, &self.auth_token, token, fields).await;
        let answered = self.clock.now();
        let problem = match &result {
            Ok(answer) if answer.status < 400 => None,
            Ok(answer) => Some(format!("the callback was answered with {}", answer.status)),
            Err(error) => Some(format!("{error:#}")),
        };
        let violation = problem.map(|reason| Violation {
            time: answered,
            code: 15003,
            reason,
            text: url.chars().take(200).collect(),
        });
        let (status, body) = result.map_or((None, String::new()), |answer| {
            (Some(answer.status), answer.body)
        });
        let (url, fields) = (url.clone(), fields.clone());
        let request = Request {
            time,
            answered,
            url,
            idempotency_token: token.clone(),
            fields,
            status,
            body,
        };
        Delivery { request, violation }
    }
}

/// With `random`, every letter takes its own time and every other one arrives twice.
async fn work(
    route: Route,
    mut queue: mpsc::UnboundedReceiver<Letter>,
    random: Option<Random>,
) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    let Some(mut random) = random else {
        while let Some(letter) = queue.recv().await {
            deliveries.push(route.deliver(&letter).await);
        }
        return deliveries;
    };
    let mut under_way = JoinSet::new();
    let mut number = 0;
    while let Some(letter) = queue.recv().await {
        number += 1;
        for _ in 0..1 + number % 2 {
            let delay = Duration::from_millis(random.between(0, MAX_DELAY_MS));
            let (route, letter) = (route.clone(), letter.clone());
            under_way.spawn(async move {
                tokio::time::sleep(delay).await;
                route.deliver(&letter).await
            });
        }
    }
    while let Some(delivery) = under_way.join_next().await {
        deliveries.extend(delivery.ok());
    }
    deliveries
}

const MAX_DELAY_MS: u64 = 400;
