//! Barge-in as a state machine: random scripts of a call in virtual time.
//!
//! A script is a [`Setup`] and a list of [`Event`]s: time passes, the caller speaks, the model makes
//! audio, echoes get lost, sockets break, the application commands, in any order. The [`World`] is
//! the Bridge between two peers that do what the script says: a server that holds items and refuses
//! what a real one would, and a player that knows which sample of which item was heard when. Every
//! input and every output goes past [`truth::Truth`], which knows what the specification promises:
//! which samples are to be sent next, what was truly played, what the echoes so far prove of it,
//! which responses must not be heard any more. It is given nothing by the Bridge but its outputs.
//!
//! In the end the call is brought to rest, what the server holds is compared with what was heard,
//! one more turn has to work, the call has to end closed, and the same inputs have to bring the same
//! outputs, byte for byte, in a second Bridge.
//!
//! An event that makes no sense where it stands changes nothing, so any part of a script is a
//! script, and a failure shrinks to a few events. It is printed as what happened, message by
//! message, and as a line of Rust that is a test in [`orderings`]. `TRUNKLINE_CASES` sets the number
//! of scripts, `TRUNKLINE_SEED` repeats a run.

#[path = "../common/cases.rs"]
mod cases;
mod clip;
#[path = "../common/mod.rs"]
mod common;
mod event;
mod orderings;
mod player;
mod server;
mod truth;
mod world;

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use event::{Event, Setup};
use world::World;

/// As much of a script's state as the choice of the next event needs. What was played and what the
/// server holds follows from what the Bridge does, so that the world keeps it.
#[derive(Clone, Debug)]
struct Script {
    setup: Setup,
    is_open: bool,
}

struct AnyCall;

impl ReferenceStateMachine for AnyCall {
    type State = Script;
    type Transition = Event;

    fn init_state() -> BoxedStrategy<Script> {
        event::setup()
            .prop_map(|setup| Script {
                is_open: setup.is_under_way,
                setup,
            })
            .boxed()
    }

    fn transitions(state: &Script) -> BoxedStrategy<Event> {
        event::event(state.is_open)
    }

    fn apply(mut state: Script, event: &Event) -> Script {
        match event {
            Event::Start => state.is_open = true,
            Event::Stop | Event::Hangup => state.is_open = false,
            _ => {}
        }
        state
    }
}

impl StateMachineTest for AnyCall {
    type SystemUnderTest = World;
    type Reference = Self;

    fn init_test(state: &Script) -> World {
        World::begin(&state.setup)
    }

    fn apply(mut world: World, _: &Script, event: Event) -> World {
        world.apply(&event);
        world
    }

    fn teardown(world: World, _: Script) {
        world.finish();
    }
}

/// The macro asks for it again and again.
static CONFIG: LazyLock<ProptestConfig> = LazyLock::new(|| ProptestConfig {
    max_shrink_iters: 20_000,
    max_shrink_time: 60_000,
    ..cases::cases(10_000)
});

prop_state_machine! {
    #![proptest_config(CONFIG.clone())]

    #[test]
    fn whatever_happens_the_model_is_left_with_what_was_heard(sequential 1..40 => AnyCall);
}
