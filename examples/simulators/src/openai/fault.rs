//! Faults, carried out where the script puts them.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::error::ApiError;
use super::handshake::Outgoing;
use super::record::EventRecord;
use super::script::{Action, At};
use super::session::{End, Session};

impl Session {
    /// Carries out the faults due at this event; whether the event still counts.
    pub(super) fn faults(&mut self, received: bool, kind: &str) -> bool {
        if self.options.faults.is_empty() {
            return true;
        }
        let count = self.counts.entry((received, kind.to_owned())).or_default();
        *count += 1;
        let at = match received {
            true => At::Received {
                event: kind.to_owned(),
                count: *count,
            },
            false => At::Sending {
                event: kind.to_owned(),
                count: *count,
            },
        };
        let options = self.options.clone();
        let mut goes_on = true;
        for fault in options.faults.iter().filter(|fault| fault.at == at) {
            self.log(
                "fault",
                json!({ "at": kind, "action": format!("{:?}", fault.action) }),
            );
            match &fault.action {
                Action::Drop => self.ending = Some(End::Cut),
                Action::Close { code, reason } => self.close(*code, reason),
                Action::Error {
                    kind,
                    code,
                    message,
                } => {
                    let kind = kind.clone();
                    self.error(
                        ApiError {
                            kind,
                            ..ApiError::new(code, message)
                        },
                        None,
                    );
                }
                Action::Send(event) => self.send_raw(&event.to_string()),
                Action::SendText(text) => self.send_raw(text),
                Action::Pause(time) => {
                    let until = self.sending_time() + *time;
                    let _ = self.outgoing.send(Outgoing::Pause(until));
                    self.paused_until = Some(until);
                }
                Action::Skip => goes_on = false,
            }
        }
        goes_on && self.ending.is_none()
    }

    fn send_raw(&mut self, text: &str) {
        let _ = self.outgoing.send(Outgoing::Message(Message::text(text)));
        let time = self.sending_time();
        let event = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        self.record()
            .server_events
            .push(EventRecord { time, kind, event });
    }

    /// Tells that an item is complete.
    pub(super) fn announce(&mut self, item_id: &str) {
        let previous = self.conversation.previous(item_id);
        let Some(item) = self.conversation.find(item_id) else {
            return;
        };
        let fields = json!({ "previous_item_id": previous, "item": item.shown });
        self.send("conversation.item.added", fields.clone());
        self.send("conversation.item.done", fields);
    }
}
