//! The end of a call.

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Call;
use crate::{
    admission::Farewell,
    end::End,
    model::Model,
    phrases::{Phrase, phrase},
    record::Record,
    report,
    time::UnixMs,
};

impl<S: AsyncRead + AsyncWrite + Unpin> Call<S> {
    /// Leaves both peers with a proper goodbye and writes down how the call went.
    pub(super) async fn finish(mut self, end: End) {
        let now = self.now();
        if end.is_models_fault() {
            self.give_up();
        }
        self.stop_greeting();
        if !matches!(end, End::Bridge(_)) {
            // What the bridge still says concerns peers that are gone; its events do not.
            if end.is_models_fault() {
                let _ = self.bridge.handle_openai_closed(now);
                let _ = self.drain();
            }
            let _ = self.bridge.handle_twilio_closed(now);
            let _ = self.drain();
        }
        self.app.calls.remove(&self.sid, &self.over);
        if end.leaves_the_caller() {
            self.app.admissions.await_farewell(&self.sid);
        }
        if let Some(tap) = self.tap.take() {
            tap.finish();
        }
        let (code, text) = end.close_code();
        let model = async {
            if let Model::Open(peer) = &mut self.model {
                peer.close(1000, "").await;
            }
        };
        let standby = async {
            if let Model::Open(peer) = &mut self.standby {
                peer.close(1000, "").await;
            }
        };
        tokio::join!(self.twilio.close(code, text), model, standby);
        self.stop_tools().await;
        let end = match end {
            End::Stopped if self.is_handed_over() => End::Transferred,
            end => end,
        };
        let (reason, fields) = end.describe();
        self.conversation.end(self.line, UnixMs::now());
        self.write_turns();
        self.record_end(&end).await;
        let mut summary = json!({
            "reason": reason,
            "duration_ms": report::ms(now),
            "messages_refused": self.rejected_messages,
            "items_forgotten": self.conversation.forgotten(),
            "stats": report::stats(self.bridge.stats()),
        });
        if let (Value::Object(summary), Value::Object(fields)) = (&mut summary, fields) {
            summary.extend(fields);
        }
        if let Some(recording) = self.bridge.close().await {
            summary["flight_recorder"] = recording;
        }
        self.log("stream_closed", summary);
    }

    /// The caller is not left without a word.
    fn give_up(&self) {
        let Some(admission) = &self.admission else {
            return;
        };
        let sentence = phrase(
            Phrase::Trouble,
            admission.agent.settings.language.as_deref(),
        );
        self.app
            .admissions
            .set_farewell(&self.sid, Farewell::Say(sentence.to_owned()));
        self.record_session("given_up");
    }

    /// Writes down what was measured. The words are weighed elsewhere: it takes a while.
    async fn record_end(&mut self, end: &End) {
        let Some(admission) = self.admission.clone() else {
            return;
        };
        let language = admission.agent.settings.language.clone();
        let analytics = self
            .measured
            .analytics(&self.conversation, language.as_deref())
            .await;
        let reason = match end.is_models_fault() {
            true => "model_lost",
            false => end.describe().0,
        };
        self.app.journal.write(Record::CallEnded {
            call_id: admission.call_id.clone(),
            reason: reason.to_owned(),
            at: UnixMs::now(),
            analytics,
            metadata: self.measured.metadata(self.bridge.stats(), language),
        });
    }
}
