//! The simulated Twilio's REST API, and what it does to a call.

mod common;

use std::time::Duration;

use common::{App, connect_stream, http_post, next_json};
use tokio::sync::mpsc;
use trunkline_simulators::twilio::{self, Api, Ending, Options, Step};
use trunkline_simulators::{Clock, Speech};

const ACCOUNT: &str = "AC55555555555555555555555555555555";
const TOKEN: &str = "simulated-auth-token";
const TRANSFER: &str = "<Response><Dial callerId=\"+15550100\" timeout=\"20\" answerOnBridge=\"true\">\
                        <Number>+15550123</Number></Dial></Response>";

/// A call in a stream: what the stream gets, the API, and the call's task.
struct Scene {
    api: Api,
    messages: mpsc::UnboundedReceiver<serde_json::Value>,
    call: tokio::task::JoinHandle<twilio::CallRecord>,
    call_sid: String,
}

impl Scene {
    async fn set() -> Self {
        let (sender, mut messages) = mpsc::unbounded_channel();
        let app = App::start(connect_stream, move |mut socket| {
            let sender = sender.clone();
            async move {
                while let Some(message) = next_json(&mut socket).await {
                    let _ = sender.send(message);
                }
            }
        })
        .await;
        let clock = Clock::new();
        let api = Api::bind("127.0.0.1:0", ACCOUNT, TOKEN, clock)
            .await
            .expect("a free port");
        let options = Options {
            clock,
            webhook: "https://voice.example.com/incoming".into(),
            connect_to: Some(app.address.to_string()),
            api: Some(api.clone()),
            script: vec![Step::Say(Speech::tone(
                440.0,
                -15.0,
                Duration::from_secs(9),
            ))],
            time_limit: Duration::from_secs(9),
            ..Options::default()
        };
        let call = tokio::spawn(twilio::call(options));
        let call_sid = loop {
            let message = messages.recv().await.expect("a stream");
            if let Some(sid) = message["start"]["callSid"].as_str() {
                break sid.to_owned();
            }
        };
        Self {
            api,
            messages,
            call,
            call_sid,
        }
    }

    async fn post(
        &self,
        credentials: (&str, &str),
        sid: &str,
        form: &[(&str, &str)],
    ) -> (u16, u64) {
        let url = format!(
            "{}/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}.json",
            self.api.url()
        );
        let (status, body) = http_post(&url, credentials, form).await;
        (status, body["code"].as_u64().unwrap_or_default())
    }
}

#[tokio::test]
async fn a_call_leaves_its_stream_for_the_document_it_is_given() {
    let mut scene = Scene::set().await;
    let sid = scene.call_sid.clone();
    let answer = scene
        .post((ACCOUNT, TOKEN), &sid, &[("Twiml", TRANSFER)])
        .await;
    assert_eq!(answer, (200, 0));
    let record = scene.call.await.expect("no panic");
    assert_eq!(
        (&record.ending, &*record.violations),
        (&Ending::ServerHungUp, &[][..])
    );
    let dial = &record.dials[0];
    assert_eq!(
        (record.dials.len(), &*dial.numbers),
        (1, &["+15550123".to_owned()][..])
    );
    assert_eq!(dial.caller_id.as_deref(), Some("+15550100"));
    assert_eq!(
        (dial.timeout, dial.answer_on_bridge),
        (Duration::from_secs(20), true)
    );
    let mut last = None;
    while let Ok(message) = scene.messages.try_recv() {
        last = Some(message);
    }
    let last = last.expect("messages");
    assert_eq!(
        (&last["event"], &last["stop"]["callSid"]),
        (&"stop".into(), &sid.into())
    );
    let requests = scene.api.requests();
    assert_eq!(
        requests[0].fields,
        [("Twiml".to_owned(), TRANSFER.to_owned())]
    );
}

#[tokio::test]
async fn a_call_is_ended_or_sent_to_another_url() {
    let scene = Scene::set().await;
    let answer = scene
        .post(
            (ACCOUNT, TOKEN),
            &scene.call_sid,
            &[("Status", "completed")],
        )
        .await;
    assert_eq!(answer.0, 200);
    let record = scene.call.await.expect("no panic");
    assert_eq!(record.ending, Ending::ServerHungUp);

    let scene = Scene::set().await;
    let url = "https://voice.example.com/elsewhere";
    let answer = scene
        .post((ACCOUNT, TOKEN), &scene.call_sid, &[("Url", url)])
        .await;
    assert_eq!(answer.0, 200);
    // The application has a stream for every URL; this one is ended the same way.
    let mut messages = scene.messages;
    while messages.recv().await.expect("a stream")["event"] != "stop" {}
    while messages.recv().await.expect("a second stream")["event"] != "start" {}
    let url_of_call = format!(
        "{}/2010-04-01/Accounts/{ACCOUNT}/Calls/{}.json",
        scene.api.url(),
        scene.call_sid
    );
    let end = http_post(&url_of_call, (ACCOUNT, TOKEN), &[("Status", "completed")]);
    assert_eq!(end.await.0, 200);
    let record = scene.call.await.expect("no panic");
    assert_eq!(record.stream_sids.len(), 2);
    assert_eq!(record.requests.last().expect("a webhook").url, url);
}

#[tokio::test]
async fn what_twilio_would_refuse_changes_nothing() {
    let scene = Scene::set().await;
    let sid = scene.call_sid.clone();
    let twiml = [("Twiml", TRANSFER)];
    let long = format!("<Response>{}</Response>", " ".repeat(4_000));
    for (credentials, sid, form, answer) in [
        ((ACCOUNT, "wrong"), &*sid, &twiml[..], (401, 20003)),
        (("AC0", TOKEN), &sid, &twiml, (401, 20003)),
        ((ACCOUNT, TOKEN), "CA0", &twiml, (404, 20404)),
        ((ACCOUNT, TOKEN), &sid, &[], (400, 20001)),
        ((ACCOUNT, TOKEN), &sid, &[("Twiml", &long)], (400, 20001)),
        (
            (ACCOUNT, TOKEN),
            &sid,
            &[("Twiml", TRANSFER), ("Url", "/x")],
            (400, 20001),
        ),
    ] {
        assert_eq!(scene.post(credentials, sid, form).await, answer, "{form:?}");
    }
    assert!(!scene.call.is_finished());
    let answer = scene
        .post((ACCOUNT, TOKEN), &sid, &[("Status", "completed")])
        .await;
    assert_eq!(answer.0, 200);
    let Scene { api, call, .. } = scene;
    let record = call.await.expect("no panic");
    assert_eq!(record.dials, []);
    let url = format!(
        "{}/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}.json",
        api.url()
    );
    let (status, body) = http_post(&url, (ACCOUNT, TOKEN), &twiml).await;
    assert_eq!((status, body["code"].as_u64()), (400, Some(21220)), "over");
    assert_eq!(api.requests().len(), 8);
}
