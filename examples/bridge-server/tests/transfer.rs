//! Twilio's REST API as the server uses it: a transfer on a simulated call, and what is tried again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use reqwest::Client;
use rustls::{ClientConfig, RootCertStore};
use tokio::{io::AsyncReadExt, net::TcpListener, sync::mpsc, time::sleep};
use trunkline_bridge_server::{
    secret::Secret,
    twilio_rest::{self, MAX_TWIML, RestError, TwilioRest, dial},
};
use trunkline_simulators::{
    Clock, Log,
    twilio::{self, Api, Ending},
};

const ACCOUNT: &str = "AC55555555555555555555555555555555";
const TOKEN: &str = "f00dfeedf00dfeedf00dfeedf00dfeed";
const SID: &str = "CA33333333333333333333333333333333";

fn client() -> Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    twilio_rest::client(tls).unwrap()
}

fn rest(url: &str, token: &str) -> TwilioRest {
    TwilioRest::new(url, ACCOUNT, Secret::new(token), client()).unwrap()
}

/// Serves `answer`, which gets the number of the request, at any path.
async fn serve(
    answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let handler = move || {
        let answer = answer(counted.fetch_add(1, Ordering::Relaxed));
        async move { answer }
    };
    let router = Router::new().fallback_service(post(handler));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, requests)
}

#[tokio::test]
async fn a_call_is_handed_over() {
    let twiml = r#"<Response><Pause length="9"/></Response>"#;
    let (webhook, _) =
        serve(move |_| ([(header::CONTENT_TYPE, "text/xml")], twiml).into_response()).await;
    let clock = Clock::new();
    let api = Api::bind("127.0.0.1:0", ACCOUNT, TOKEN, clock)
        .await
        .unwrap();
    let (sender, mut begun) = mpsc::unbounded_channel();
    let log = Log::to_fn(move |record| {
        if record["kind"] == "dial" {
            let _ = sender.send(record["callSid"].as_str().expect("a name").to_owned());
        }
    });
    let call = tokio::spawn(twilio::call(twilio::Options {
        clock,
        webhook,
        api: Some(api.clone()),
        account_sid: ACCOUNT.to_owned(),
        log,
        ..twilio::Options::default()
    }));
    let sid = begun.recv().await.expect("a call");
    let twilio = rest(&format!("{}/", api.url()), TOKEN);
    let document = dial("+15550100", "+15550123", Duration::from_secs(20));
    // Until it is answered, there is no such call.
    while let Err(error) = twilio.update_call(&sid, &document).await {
        let code = Some(20404);
        assert_eq!(error, RestError::Refused { status: 404, code });
        sleep(Duration::from_millis(5)).await;
    }
    let record = call.await.unwrap();
    assert_eq!(
        (&record.ending, &*record.violations),
        (&Ending::ServerHungUp, &[][..])
    );
    let [dialled] = &record.dials[..] else {
        panic!("{:?}", record.dials);
    };
    assert_eq!(dialled.numbers, ["+15550123"]);
    assert_eq!(dialled.caller_id.as_deref(), Some("+15550100"));
    assert_eq!(
        (dialled.timeout, dialled.answer_on_bridge),
        (Duration::from_secs(20), true)
    );

    let over = rest(&api.url(), TOKEN)
        .update_call(&record.call_sid, "<Response/>")
        .await;
    assert_eq!(
        over,
        Err(RestError::Refused {
            status: 400,
            code: Some(21220)
        })
    );
}

#[tokio::test]
async fn refusals_have_twilios_number() {
    let api = Api::bind("127.0.0.1:0", ACCOUNT, TOKEN, Clock::new())
        .await
        .unwrap();
    let refused = |status, code| {
        Err(RestError::Refused {
            status,
            code: Some(code),
        })
    };
    let unknown = rest(&api.url(), TOKEN)
        .update_call(SID, "<Response/>")
        .await;
    assert_eq!(unknown, refused(404, 20404));
    let denied = rest(&api.url(), "wrong")
        .update_call(SID, "<Response/>")
        .await;
    assert_eq!(denied, refused(401, 20003));
    // Nothing that a name holds leads to another resource.
    let sly = rest(&api.url(), TOKEN)
        .update_call("../../x?y#z", "<Response/>")
        .await;
    assert_eq!(sly, refused(404, 20404));
    let paths: Vec<String> = api
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(
        paths[0],
        format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{SID}.json")
    );
    assert!(
        paths[2].ends_with("/Calls/..%2F..%2Fx%3Fy%23z.json"),
        "{}",
        paths[2]
    );
}

#[tokio::test]
async fn what_twilio_was_too_busy_for_is_sent_again() {
    let busy = r#"{"code":20429,"message":"Too many concurrent requests","status":429}"#;
    let (url, requests) = serve(move |number| match number {
        0 => (
            StatusCode::TOO_MANY_REQUESTS,
            [(header::RETRY_AFTER, "0")],
            busy,
        )
            .into_response(),
        1 => (StatusCode::TOO_MANY_REQUESTS, busy).into_response(),
        _ => "{}".into_response(),
    })
    .await;
    assert_eq!(
        rest(&url, TOKEN).update_call(SID, "<Response/>").await,
        Ok(())
    );
    assert_eq!(requests.load(Ordering::Relaxed), 3);

    let (url, requests) = serve(move |_| {
        let later = [(header::RETRY_AFTER, "3600")];
        (StatusCode::TOO_MANY_REQUESTS, later, busy).into_response()
    })
    .await;
    let refused = rest(&url, TOKEN).update_call(SID, "<Response/>").await;
    assert_eq!(
        refused,
        Err(RestError::Refused {
            status: 429,
            code: Some(20429)
        })
    );
    assert_eq!(
        requests.load(Ordering::Relaxed),
        1,
        "nobody waits an hour on the line"
    );
}

#[tokio::test]
async fn what_twilio_may_have_done_is_not_sent_again() {
    for (status, body, code) in [
        (500, "<html>", None),
        (503, r#"{"status":503}"#, None),
        (400, r#"{"code":21220,"status":400}"#, Some(21220)),
        (301, "", None),
    ] {
        let (url, requests) = serve(move |_| {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [(header::LOCATION, "/")], body).into_response()
        })
        .await;
        let refused = rest(&url, TOKEN).update_call(SID, "<Response/>").await;
        assert_eq!(refused, Err(RestError::Refused { status, code }));
        assert_eq!(requests.load(Ordering::Relaxed), 1);
    }
    // The connection ends instead of an answer.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4_096]).await;
        drop(socket);
        let again = listener.accept();
        tokio::time::timeout(Duration::from_millis(300), again)
            .await
            .is_ok()
    });
    let broken = rest(&url, TOKEN).update_call(SID, "<Response/>").await;
    assert_eq!(broken, Err(RestError::Broken));
    assert!(!serving.await.unwrap(), "sent again");
}

#[tokio::test(start_paused = true)]
async fn a_silent_or_missing_twilio_is_given_up() {
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", deaf.local_addr().unwrap());
    let silent = rest(&url, TOKEN).update_call(SID, "<Response/>").await;
    assert_eq!(silent, Err(RestError::Timeout));
    drop(deaf);
    let missing = rest(&url, TOKEN).update_call(SID, "<Response/>").await;
    assert_eq!(missing, Err(RestError::Unreachable));
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_before_it_is() {
    let url = "http://127.0.0.1:1";
    let long = "x".repeat(MAX_TWIML + 1);
    let refused = rest(url, TOKEN).update_call(SID, &long).await;
    assert_eq!(refused, Err(RestError::TwimlTooLong));
    for bad in ["", "api.twilio.com", "ftp://api.twilio.com", "data:x"] {
        let refused = TwilioRest::new(bad, ACCOUNT, Secret::new(TOKEN), client());
        assert_eq!(refused.err(), Some(RestError::BaseUrl), "{bad}");
    }
}

#[test]
fn the_token_is_not_shown() {
    let shown = format!("{:?}", rest("http://127.0.0.1:1", TOKEN));
    assert!(shown.contains(ACCOUNT) && !shown.contains(TOKEN), "{shown}");
}
