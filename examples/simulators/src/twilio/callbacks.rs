//! What Twilio tells a server in forms: the fields of webhooks and callbacks.

use jiff::Timestamp;

use super::call::Call;
use super::{Options, http, twiml};

impl Call<'_> {
    /// Fields of this call's voice webhooks.
    pub(super) fn webhook_fields(&self, status: &str) -> Vec<(String, String)> {
        webhook_fields(self.options, &self.record.call_sid, status)
    }

    /// Tells the call's status, if anybody wants to know: an inbound call tells its end only.
    pub(super) fn status_callback(&mut self, status: &str, more: &[(&str, String)]) {
        let Some(url) = &self.options.status_callback else {
            return;
        };
        let mut fields = self.webhook_fields(status);
        fields.extend(owned(&[
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", &self.callbacks.to_string()),
            (
                "Timestamp",
                &Timestamp::now()
                    .strftime("%a, %d %b %Y %H:%M:%S +0000")
                    .to_string(),
            ),
        ]));
        fields.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        self.callbacks += 1;
        let token = self.random.hex(32);
        self.courier.send(url, token, fields);
    }

    /// Tells what became of a stream, if its TwiML asks for that.
    pub(super) fn stream_callback(
        &mut self,
        stream: &twiml::Stream,
        base: &str,
        sid: &str,
        event: &str,
        error: Option<&str>,
    ) {
        let Some(url) = &stream.status_callback else {
            return;
        };
        let mut fields = owned(&[
            ("AccountSid", &self.options.account_sid),
            ("CallSid", &self.record.call_sid),
            ("StreamSid", sid),
            ("StreamName", stream.name.as_deref().unwrap_or(sid)),
            ("StreamEvent", event),
            (
                "Timestamp",
                &Timestamp::now()
                    .strftime("%Y-%m-%dT%H:%M:%S.%3fZ")
                    .to_string(),
            ),
        ]);
        if let Some(error) = error {
            fields.push(("StreamError".into(), error.to_owned()));
        }
        let token = self.random.hex(32);
        self.courier.send(&http::resolve(base, url), token, fields);
    }
}

/// Fields every voice webhook carries.
pub(crate) fn webhook_fields(
    options: &Options,
    call_sid: &str,
    status: &str,
) -> Vec<(String, String)> {
    let direction = if options.outbound_api {
        "outbound-api"
    } else {
        "inbound"
    };
    let mut fields = owned(&[
        ("AccountSid", &options.account_sid),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", call_sid),
        ("CallStatus", status),
        ("Direction", direction),
    ]);
    for (party, number) in [
        ("From", &options.from),
        ("Caller", &options.from),
        ("To", &options.to),
        ("Called", &options.to),
    ] {
        fields.push((party.to_owned(), number.clone()));
        for (part, value) in [
            ("City", ""),
            ("State", "CA"),
            ("Zip", ""),
            ("Country", "US"),
        ] {
            fields.push((format!("{party}{part}"), value.to_owned()));
        }
    }
    if !options.outbound_api {
        let token = format!("{{\"parentCallInfoToken\":\"{call_sid}\"}}");
        fields.push(("CallToken".into(), token));
        fields.push(("StirVerstat".into(), "TN-Validation-Passed-A".into()));
    }
    fields
}

fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
