//! Barge-in as a state machine: random scripts of a call in virtual time.

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

/// What a script has come to, without a Bridge.
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
