//! The server's life, from its options to the last call's end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::bail;
use axum::Router;
use clap::Parser;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{Signal, SignalKind, signal},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use crate::{
    api::StallTimeout,
    app::{App, Phase},
    config::{Config, Options},
    library_log,
    log::Log,
    peer,
    setup::Server,
};

/// Serves as the command line and the environment say, until a signal ends it.
///
/// # Errors
/// When the settings are wrong, or the port is taken.
pub fn run() -> anyhow::Result<()> {
    // Before anything reads the environment.
    match dotenvy::from_path(".env") {
        // The line may hold a secret.
        Err(dotenvy::Error::LineParse(..)) => bail!("a line of .env is not NAME=VALUE"),
        Err(error) if !error.not_found() => bail!("cannot read .env: {error}"),
        _ => {}
    }
    let config = Config::new(Options::parse(), |name| std::env::var(name).ok())?;
    let log = Arc::new(Log::open(config.log.as_deref(), config.log_format)?);
    library_log::install(Arc::clone(&log));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(async {
        // Before anybody can know that the server is there: until then a signal would end it on the spot.
        let signals = Signals::new()?;
        let server = Server::open(config, Arc::clone(&log)).await?;
        serve(server, signals).await
    });
    // Dropped, it would wait for threads that wait for a disk, however long.
    runtime.shutdown_timeout(Duration::from_secs(1));
    log.close();
    served
}

/// What asks a server to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn serve(server: Server, mut signals: Signals) -> anyhow::Result<()> {
    let app = Arc::clone(&server.app);
    let listener = TcpListener::bind(app.config.listen).await?;
    app.log.write(
        "listening",
        json!({
            "address": listener.local_addr()?.to_string(),
            "signatures_checked": app.config.twilio_auth_token.is_some(),
        }),
    );
    let router = server.router.clone();
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let accept = tokio::spawn({
        let app = Arc::clone(&app);
        async move {
            loop {
                match listener.accept().await {
                    Ok((socket, _)) => match Arc::clone(&connections).try_acquire_owned() {
                        Ok(permit) => {
                            tokio::spawn(connection(socket, router.clone(), permit));
                        }
                        Err(_) => refuse(socket),
                    },
                    Err(error) => {
                        // Out of descriptors, most likely: the next try fails at once, too.
                        app.log
                            .write("accept_failed", json!({ "error": error.to_string() }));
                        sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        }
    });

    signals.next().await;
    app.phase.send_replace(Phase::Draining);
    app.log
        .write("draining", json!({ "calls": app.calls.len() }));
    // Webhooks and health checks are still answered meanwhile: with "busy" and 503.
    tokio::select! {
        () = drained(&app) => {}
        () = sleep(app.config.drain) => {}
        () = signals.next() => {}
    }
    app.phase.send_replace(Phase::Ending);
    let all_closed = timeout(END_TIMEOUT, all_calls_over(&app)).await.is_ok();
    // Whoever hears nothing after a stream's end tells the caller that an application has failed.
    let answered = async {
        while app.admissions.are_awaited() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = timeout(FAREWELL_TIMEOUT, answered).await;
    server.shutdown.cancel();
    accept.abort();
    server.close().await;
    app.log.write("ended", json!({ "all_closed": all_closed }));
    Ok(())
}

/// One connection, until it is closed or has become a call's stream, which is counted elsewhere.
async fn connection(socket: TcpStream, router: Router, _permit: OwnedSemaphorePermit) {
    // Every frame of audio is wanted now. A socket that refuses these is as good as closed.
    if socket.set_nodelay(true).is_err() || peer::bound_send_buffer(&socket).is_err() {
        return;
    }
    let socket = StallTimeout::new(socket, STALL_TIMEOUT);
    let serve = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router))
        .with_upgrades();
    // A peer that breaks off or speaks no HTTP has been answered as far as it can be.
    let _ = serve.await;
}

/// Nobody waits for a client that there is no room for: what the socket does not take at once is not sent.
fn refuse(socket: TcpStream) {
    let _ = socket.try_write(
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    );
}

/// No call is under way, and none that was answered is still to bring its stream.
async fn drained(app: &App) {
    while app.capacity.available_permits() < app.config.max_calls
        || app.admissions.announced(Instant::now()) > 0
    {
        sleep(Duration::from_millis(10)).await;
    }
}

async fn all_calls_over(app: &App) {
    // The permits come back with the last line of each call's log. They are not acquired here: a call that
    // was answered just before still needs one.
    while app.capacity.available_permits() < app.config.max_calls {
        sleep(Duration::from_millis(10)).await;
    }
}

/// Connections that are no streams, at a time. More would take the descriptors that calls need, of which many
/// systems give a process 1,024.
const MAX_CONNECTIONS: usize = 512;
/// For a request's head, so that half-open connections do not pile up.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// For whoever is answered to take some of it.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// For Twilio to ask what comes after the streams that were closed.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
/// For the closing handshakes of all calls.
const END_TIMEOUT: Duration = Duration::from_secs(5);
