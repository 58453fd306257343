use super::*;

const NOW: UnixMs = UnixMs(1_795_862_096_789);

/// What a new session is told, in short.
fn told(conversation: &mut Conversation) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        told.push(match conversation.next() {
            Next::Nothing => return told,
            Next::Wait => {
                told.push("…".to_owned());
                return told;
            }
            Next::Tell(ModelCommand::CreateMessage { role, text, .. }) => {
                format!("{role:?}: {text}")
            }
            Next::Tell(ModelCommand::CreateToolCall {
                name, arguments, ..
            }) => {
                format!("{name}({arguments})")
            }
            Next::Tell(ModelCommand::ToolOutput { output, .. }) => format!("= {output}"),
            Next::Tell(other) => panic!("{other:?}"),
        });
        conversation.advance();
    }
}

/// A conversation in its first session.
fn conversation() -> Conversation {
    let mut conversation = Conversation::default();
    conversation.begin_session();
    conversation
}

/// The session is lost, and there is another one.
fn next_session(conversation: &mut Conversation) {
    conversation.end_session(false, false);
    conversation.begin_session();
}

fn line(received: u64, heard: u64) -> Line {
    Line { received, heard }
}

#[test]
fn a_session_is_told_what_others_made_and_only_what_was_heard() {
    let mut conversation = conversation();
    conversation.agent_words("a", "Good morning to you.", true, 0);
    conversation.heard("a", 1_000, 1_000, false, NOW);
    conversation.caller_words("b", "A table", false, None);
    conversation.caller_words("b", "A table.", true, Some(0.9));
    conversation.agent_words("c", "We are open from nine to five.", true, 8_000);
    conversation.heard("c", 500, 1_000, true, NOW);
    conversation.agent_words("d", "Never heard.", true, 16_000);
    conversation.heard("d", 0, 1_000, true, NOW);
    assert_eq!(conversation.next(), Next::Nothing, "its own");
    next_session(&mut conversation);
    let all = [
        "Assistant: Good morning to you.",
        "User: A table.",
        "Assistant: We are open",
    ];
    assert_eq!(told(&mut conversation), all);
    assert_eq!(conversation.next(), Next::Nothing, "told once");
    conversation.caller_words("e", "Hello?", true, None);
    assert_eq!(conversation.next(), Next::Nothing, "its own");
    next_session(&mut conversation);
    assert_eq!(told(&mut conversation)[3..], ["User: Hello?"]);
}

#[test]
fn what_is_still_being_heard_is_waited_for_but_not_when_the_caller_speaks() {
    let mut conversation = conversation();
    conversation.agent_words("a", "One two three four five", true, 0);
    next_session(&mut conversation);
    conversation.settle(line(8_000, 4_000), false, NOW);
    assert_eq!(told(&mut conversation), ["…"]);
    // Half a second of one was heard, less what the clock may be ahead by.
    conversation.settle(line(8_000, 4_000), true, NOW);
    assert_eq!(told(&mut conversation), ["Assistant: One two"]);
    // It is heard to its end all the same, and so it is written down.
    assert_eq!(conversation.take_turn("call"), None);
    conversation.heard("a", 1_000, 1_000, false, NOW);
    let turn = conversation.take_turn("call").expect("a turn");
    assert_eq!(
        (&*turn.text, turn.generated_text),
        ("One two three four five", None)
    );
    assert_eq!(conversation.take_turn("call"), None);
}

#[test]
fn an_echo_that_never_comes_is_not_waited_for_for_ever() {
    let mut conversation = conversation();
    conversation.agent_words("a", "One two", true, 0);
    next_session(&mut conversation);
    for (ms, is_told) in [
        (0, false),
        (ECHO_PATIENCE_MS - 1, false),
        (ECHO_PATIENCE_MS, true),
    ] {
        conversation.settle(line(8_000, 8_000), false, UnixMs(NOW.0 + ms));
        assert_eq!(conversation.next() == Next::Wait, !is_told, "{ms}");
    }
    // The bridge's word comes after all, and counts no more.
    conversation.heard("a", 1_000, 1_000, false, NOW);
    assert_eq!(told(&mut conversation), ["Assistant: One two"]);
}

#[test]
fn of_words_that_broke_off_the_last_was_never_said() {
    let mut conversation = conversation();
    conversation.agent_words("a", "One ", false, 0);
    conversation.agent_words("a", "two ", false, 0);
    conversation.agent_words("a", "three", false, 0);
    next_session(&mut conversation);
    conversation.heard("a", 1_000, 1_000, false, NOW);
    assert_eq!(told(&mut conversation), ["Assistant: One two"]);
}

#[test]
fn function_calls_are_told_with_their_outputs_whenever_those_come() {
    let mut conversation = conversation();
    for id in ["1", "2", "3"] {
        conversation.tool_called(id, "f", id);
    }
    assert!(conversation.knows("2") && !conversation.knows("4"));
    assert_eq!(conversation.tool_answered("1", "one"), Asker::Current);
    next_session(&mut conversation);
    assert_eq!(conversation.tool_answered("2", "two"), Asker::Next);
    assert_eq!(
        told(&mut conversation),
        ["f(1)", "= one", "f(2)", "= two", "f(3)"]
    );
    let output = ModelCommand::ToolOutput {
        call_id: "3",
        output: "three",
    };
    assert_eq!(
        conversation.tool_answered("3", "three"),
        Asker::Earlier(output)
    );
    assert_eq!(conversation.next(), Next::Nothing);
    next_session(&mut conversation);
    assert_eq!(told(&mut conversation).len(), 6);
}

#[test]
fn lost_words_are_asked_for_again() {
    let lost = format!("System: {LOST_WORDS}");
    let mut conversation = conversation();
    conversation.caller_spoke("a", Span { from: NOW, to: NOW });
    conversation.end_session(true, false);
    conversation.begin_session();
    assert_eq!(told(&mut conversation), [&*lost]);
    conversation.end_session(true, true);
    conversation.begin_session();
    assert_eq!(told(&mut conversation), [&*lost, &*lost]);
    // A turn that was answered is not asked for.
    let mut conversation = self::conversation();
    conversation.caller_spoke("a", Span { from: NOW, to: NOW });
    next_session(&mut conversation);
    assert_eq!(told(&mut conversation), [] as [&str; 0]);
}

#[test]
fn a_greeting_played_beforehand_is_told_to_the_session_that_was_opened_meanwhile() {
    let mut conversation = conversation();
    assert!(conversation.is_empty());
    conversation.recorded_words("greeting", "Good morning.");
    assert_eq!(told(&mut conversation), ["…"]);
    conversation.heard("greeting", 900, 900, false, NOW);
    assert_eq!(told(&mut conversation), ["Assistant: Good morning."]);
    assert!(!conversation.is_empty());
}

#[test]
fn the_end_settles_what_was_being_heard() {
    let mut conversation = conversation();
    conversation.agent_words("a", "One two three four", false, 0);
    conversation.end(line(16_000, 8_000), NOW);
    let turn = conversation.take_turn("call").expect("a turn");
    assert_eq!(turn.text, "One two");
    assert_eq!(turn.generated_text.as_deref(), Some("One two three four"));
    assert!(!turn.interrupted);
}

#[test]
fn memory_is_bounded_and_the_oldest_is_forgotten() {
    let mut conversation = conversation();
    for n in 0..1_000 {
        let id = format!("item_{n}");
        conversation.caller_words(&id, &"words ".repeat(1_000), true, None);
        conversation.tool_called(&id, &"n".repeat(9_000), &"a".repeat(9_000));
        conversation.tool_answered(&id, &"€".repeat(9_000));
        assert!(conversation.items.len() <= MAX_ITEMS);
    }
    assert!(conversation.memory_bytes() <= MAX_BYTES + 3 * item::MAX_TEXT);
    assert_eq!(conversation.forgotten() + conversation.items.len(), 2_000);
    next_session(&mut conversation);
    let told = told(&mut conversation);
    assert!(told.last().expect("the newest").starts_with("= €"));
    let mut conversation = self::conversation();
    for n in 0..1_000 {
        conversation.caller_words(&n.to_string(), "x", true, None);
    }
    assert!((80..=MAX_ITEMS).contains(&conversation.items.len()));
}
