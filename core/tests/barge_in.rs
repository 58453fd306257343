//! A caller who speaks over the model.

mod common;

use common::*;

#[test]
fn speech_while_audio_plays_cuts_the_item_where_the_caller_heard_it() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(4_000));
    call.turn();
    call.run_for(ms(1_500));
    call.speech_started();
    call.run_for(ms(400));
    call.speech_stopped();
    call.run_until_quiet();
    assert_eq!(call.judge.truncations.len(), 1);
    conclude(&call, 0);
}
