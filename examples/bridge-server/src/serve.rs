//! The server's life, from its options to the last call's end.

use std::{sync::Arc, time::Duration};

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
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};

use crate::{
    agent::Agent,
    app::{App, Calls, Phase},
    config::{Config, Options},
    greetings::Greetings,
    journal::Journal,
    log::Log,
    recording::Recordings,
    time::UnixMs,
    tokens::Tokens,
    tools::Tools,
};

/// Serves as the command line and the environment say, until a signal ends it.
///
/// # Errors
/// When the settings are wrong, or the port is taken.
pub fn run() -> anyhow::Result<()> {
    let config = Config::new(Options::parse(), |name| std::env::var(name).ok())?;
    let log = Log::open(config.log.as_deref())?;
    let app = Arc::new(App {
        log,
        tls: crate::model::tls()?,
        tokens: Tokens::default(),
        first_agent: Arc::new(Agent {
            id: String::new(),
            settings: config.first_agent.clone(),
            created_at: UnixMs::now(),
            updated_at: UnixMs::now(),
        }),
        journal: Journal::to_lines(config.journal.as_deref())?,
        recordings: Recordings::default(),
        greetings: Greetings::new(config.greetings.clone()),
        tools: Tools::default(),
        calls: Calls::default(),
        capacity: Arc::new(Semaphore::new(config.max_calls)),
        phase: watch::Sender::new(Phase::Running),
        config,
    });
    let served = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(Arc::clone(&app)));
    app.log.close();
    served
}

async fn serve(app: Arc<App>) -> anyhow::Result<()> {
    // Before anybody can know that the server is there: until then a signal would end it on the spot.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind(app.config.listen).await?;
    app.log.write(
        "listening",
        json!({
            "address": listener.local_addr()?.to_string(),
            "signatures_checked": app.config.twilio_auth_token.is_some(),
        }),
    );
    let router = crate::http::router(Arc::clone(&app));
    let accept = tokio::spawn({
        let app = Arc::clone(&app);
        async move {
            loop {
                match listener.accept().await {
                    Ok((socket, _)) => {
                        tokio::spawn(connection(socket, router.clone()));
                    }
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

    let mut asked_to_end = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    asked_to_end().await;
    app.phase.send_replace(Phase::Draining);
    app.log
        .write("draining", json!({ "calls": app.calls.len() }));
    // Webhooks and health checks are still answered meanwhile: with "busy" and 503.
    tokio::select! {
        () = all_calls_over(&app) => {}
        () = sleep(app.config.drain) => {}
        () = asked_to_end() => {}
    }
    app.phase.send_replace(Phase::Ending);
    let all_closed = timeout(END_TIMEOUT, all_calls_over(&app)).await.is_ok();
    accept.abort();
    app.log.write("ended", json!({ "all_closed": all_closed }));
    Ok(())
}

async fn connection(socket: TcpStream, router: Router) {
    // Every frame of audio is wanted now. A socket that refuses these is as good as closed.
    if socket.set_nodelay(true).is_err() || crate::peer::bound_send_buffer(&socket).is_err() {
        return;
    }
    let serve = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router))
        .with_upgrades();
    // A peer that breaks off or speaks no HTTP has been answered as far as it can be.
    let _ = serve.await;
}

async fn all_calls_over(app: &App) {
    // The permits come back with the last line of each call's log.
    let all = u32::try_from(app.config.max_calls).unwrap_or(u32::MAX);
    let _ = app.capacity.acquire_many(all).await;
}

/// For a request's head, so that half-open connections do not pile up.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// For the closing handshakes of all calls.
const END_TIMEOUT: Duration = Duration::from_secs(5);
