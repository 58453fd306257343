//! The part of TwiML that gets a call to a stream and on from there.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// One verb, in document order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Connect {
        action: Option<String>,
        stream: Stream,
    },
    Dial {
        action: Option<String>,
        dial: Dial,
    },
    Say(String),
    Pause(Duration),
    Redirect(String),
    Hangup,
    Reject,
    /// A verb that this simulator does not carry out.
    Other(String),
}

/// `<Stream>` inside `<Connect>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) url: String,
    pub(crate) name: Option<String>,
    pub(crate) track: Option<String>,
    pub(crate) status_callback: Option<String>,
    pub(crate) parameters: Vec<(String, String)>,
}

/// `<Dial>`, with its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) numbers: Vec<String>,
    pub(crate) caller_id: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) answer_on_bridge: bool,
}

/// Reads a whole document: one `<Response>` of verbs.
pub(crate) fn parse(text: &str) -> Result<Vec<Verb>> {
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut verbs = Vec::new();
    let mut responses = 0;
    loop {
        match reader.read_event().context("the XML is not well formed")? {
            Event::Start(element) => {
                open(&element, &path, &mut verbs, &mut responses)?;
                path.push(element.name().as_ref().to_owned());
            }
            Event::Empty(element) => open(&element, &path, &mut verbs, &mut responses)?,
            Event::End(_) => {
                path.pop();
            }
            Event::Text(text) => add_text(&text.xml10_content(), &path, &mut verbs),
            Event::GeneralRef(reference) => {
                let reference = format!("&{};", &*reference);
                let text = quick_xml::escape::unescape(&reference)
                    .context("unknown entity")?
                    .into_owned();
                add_text(&text, &path, &mut verbs);
            }
            Event::CData(text) => add_text(&text.xml10_content(), &path, &mut verbs),
            Event::Eof => break,
            _ => {}
        }
    }
    ensure!(
        path.is_empty(),
        "the document ends inside <{}>",
        path.join("><")
    );
    ensure!(responses == 1, "expected one <Response>, found {responses}");
    for verb in &mut verbs {
        match verb {
            Verb::Say(text) | Verb::Redirect(text) => *text = text.trim().to_owned(),
            Verb::Connect { stream, .. } => {
                ensure!(!stream.url.is_empty(), "<Connect> holds no <Stream url>")
            }
            Verb::Dial { dial, .. } => {
                for number in &mut dial.numbers {
                    *number = number.trim().to_owned();
                }
                dial.numbers.retain(|number| !number.is_empty());
                ensure!(!dial.numbers.is_empty(), "<Dial> holds no number");
            }
            _ => {}
        }
    }
    Ok(verbs)
}

fn open(
    element: &BytesStart<'_>,
    path: &[String],
    verbs: &mut Vec<Verb>,
    responses: &mut usize,
) -> Result<()> {
    let name = element.name();
    let name = name.as_ref();
    match path {
        [] => {
            ensure!(
                name == "Response",
                "the document is <{name}>, not <Response>"
            );
            *responses += 1;
        }
        [_] => verbs.push(match name {
            "Connect" => Verb::Connect {
                action: attribute(element, "action")?,
                stream: Stream::default(),
            },
            "Dial" => Verb::Dial {
                action: attribute(element, "action")?,
                dial: Dial {
                    // Text of its own comes first.
                    numbers: vec![String::new()],
                    caller_id: attribute(element, "callerId")?,
                    timeout: match attribute(element, "timeout")? {
                        Some(seconds) => {
                            Duration::from_secs(seconds.parse().context("<Dial timeout>")?)
                        }
                        None => DIAL_TIMEOUT,
                    },
                    answer_on_bridge: attribute(element, "answerOnBridge")?.as_deref()
                        == Some("true"),
                },
            },
            "Say" => Verb::Say(String::new()),
            "Pause" => {
                let length = attribute(element, "length")?.unwrap_or_else(|| "1".into());
                Verb::Pause(Duration::from_secs(
                    length.parse().context("<Pause length>")?,
                ))
            }
            "Redirect" => Verb::Redirect(String::new()),
            "Hangup" => Verb::Hangup,
            "Reject" => Verb::Reject,
            other => Verb::Other(other.to_owned()),
        }),
        [_, parent] if parent == "Dial" => {
            let Some(Verb::Dial { dial, .. }) = verbs.last_mut() else {
                return Ok(());
            };
            ensure!(name == "Number", "<{name}> inside <Dial> is not supported");
            dial.numbers.push(String::new());
        }
        [_, parent] if parent == "Connect" => {
            let Some(Verb::Connect { stream, .. }) = verbs.last_mut() else {
                return Ok(());
            };
            ensure!(
                name == "Stream",
                "<{name}> inside <Connect> is not supported"
            );
            ensure!(
                stream.url.is_empty(),
                "<Connect> holds more than one <Stream>"
            );
            stream.url = attribute(element, "url")?.context("<Stream> has no url")?;
            stream.name = attribute(element, "name")?;
            stream.track = attribute(element, "track")?;
            stream.status_callback = attribute(element, "statusCallback")?;
        }
        [_, grandparent, parent] if grandparent == "Connect" && parent == "Stream" => {
            let Some(Verb::Connect { stream, .. }) = verbs.last_mut() else {
                return Ok(());
            };
            ensure!(name == "Parameter", "<{name}> inside <Stream>");
            let name = attribute(element, "name")?.context("<Parameter> has no name")?;
            let value = attribute(element, "value")?.context("<Parameter> has no value")?;
            if name.len() + value.len() >= MAX_PARAMETER {
                bail!("<Parameter name=\"{name}\"> is too long");
            }
            stream.parameters.push((name, value));
        }
        _ => {}
    }
    Ok(())
}

fn add_text(text: &str, path: &[String], verbs: &mut [Verb]) {
    match (path, verbs.last_mut()) {
        ([_, _], Some(Verb::Say(said) | Verb::Redirect(said))) => said.push_str(text),
        ([_, _], Some(Verb::Dial { dial, .. })) => dial.numbers[0].push_str(text),
        ([_, _, _], Some(Verb::Dial { dial, .. })) => {
            if let Some(number) = dial.numbers.last_mut() {
                number.push_str(text);
            }
        }
        _ => {}
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>> {
    let Some(attribute) = element
        .try_get_attribute(name)
        .context("malformed attribute")?
    else {
        return Ok(None);
    };
    let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0)?;
    Ok(Some(value.into_owned()))
}

/// Source: Twilio documentation, "TwiML Voice: \<Dial\>", `timeout`.
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);
/// Name and value together stay under this. Source: "TwiML Voice: \<Stream\>", custom parameters.
const MAX_PARAMETER: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_read_with_its_parameters_and_what_follows() {
        let verbs = parse(
            r#"<?xml version="1.0" encoding="UTF-8"?>
            <Response><!-- hello --><Say voice="x">A &amp; B</Say><Connect action="/next">
            <Stream name="agent" url="wss://voice.example.com/media" statusCallback="/status">
            <Parameter name="token" value="a&lt;b&quot;"/></Stream></Connect>
            <Pause length="2"/><Redirect>/more?a=1&amp;b=2</Redirect><Play>x</Play><Hangup/></Response>"#,
        )
        .expect("valid");
        assert_eq!(
            verbs,
            [
                Verb::Say("A & B".into()),
                Verb::Connect {
                    action: Some("/next".into()),
                    stream: Stream {
                        url: "wss://voice.example.com/media".into(),
                        name: Some("agent".into()),
                        track: None,
                        status_callback: Some("/status".into()),
                        parameters: vec![("token".into(), "a<b\"".into())],
                    }
                },
                Verb::Pause(Duration::from_secs(2)),
                Verb::Redirect("/more?a=1&b=2".into()),
                Verb::Other("Play".into()),
                Verb::Hangup,
            ]
        );
    }

    #[test]
    fn whom_to_dial_is_read_with_or_without_an_element_of_its_own() {
        let dial = |numbers: &[&str], caller_id: Option<&str>, seconds, answer_on_bridge| Dial {
            numbers: numbers.iter().map(|&number| number.into()).collect(),
            caller_id: caller_id.map(Into::into),
            timeout: Duration::from_secs(seconds),
            answer_on_bridge,
        };
        for (text, read) in [
            (
                "<Dial> +1555&#48;123 </Dial>",
                dial(&["+15550123"], None, 30, false),
            ),
            (
                r#"<Dial callerId="+15550100" timeout="20" answerOnBridge="true">
                   <Number>+15550123</Number> <Number> +15550124</Number></Dial>"#,
                dial(&["+15550123", "+15550124"], Some("+15550100"), 20, true),
            ),
        ] {
            let verbs = parse(&format!("<Response>{text}</Response>")).expect(text);
            assert_eq!(
                verbs,
                [Verb::Dial {
                    action: None,
                    dial: read
                }]
            );
        }
    }

    #[test]
    fn what_is_not_twiml_is_refused() {
        for text in [
            "",
            "hello",
            "<Respons/>",
            "<Response>",
            "<Response></Connect>",
            "<Response><Connect/></Response>",
            "<Response><Connect><Stream/></Connect></Response>",
            "<Response><Connect><Stream url='wss://a/'/><Stream url='wss://a/'/></Connect></Response>",
            "<Response/><Response/>",
            "<Response><Dial/></Response>",
            "<Response><Dial><Number/></Dial></Response>",
            "<Response><Dial><Sip>sip:x</Sip></Dial></Response>",
            "<Response><Dial timeout='soon'>1</Dial></Response>",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
