"""The example servers take a call: three answers, the last spoken over by the caller."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from stage import CALL, Played, heard_ms, play


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """Both servers at once, since a call takes its time."""
    folders: dict[str, Path] = {name: tmp_path_factory.mktemp(name) for name in ("before", "server")}
    with ThreadPoolExecutor() as pool:
        played = {name: pool.submit(play, name, folder, *CALL) for name, folder in folders.items()}
    return {name: future.result() for name, future in played.items()}


@pytest.mark.parametrize("name", ["before", "server"])
def test_the_conversation_goes_as_it_should(calls: dict[str, Played], name: str) -> None:
    played = calls[name]
    assert played.exit_code == 0
    assert played.call["violations"] == []
    (session,) = played.sessions
    done = [response["status"] for response in session["responses"]]
    assert done.count("completed") >= 3
    assert len(played.call["runs"]) == 4


def test_the_bridge_truncates_the_one_answer_that_was_cut_at_what_was_heard(
    calls: dict[str, Played],
) -> None:
    played = calls["server"]
    (session,) = played.sessions
    (clear,) = played.call["clears"]
    (truncate,) = session["truncates"]
    assert truncate["accepted"]
    assert -160 <= truncate["audio_end_ms"] - heard_ms(played.call, clear) <= 0
    assert session["errors"] == []


def test_the_hand_written_server_truncates_answers_that_were_heard_whole_and_is_refused(
    calls: dict[str, Played],
) -> None:
    (session,) = calls["before"].sessions
    refused = [truncate for truncate in session["truncates"] if not truncate["accepted"]]
    assert len(refused) == 2
    assert [error["code"] for error in session["errors"]] == ["invalid_value"] * 2


def test_the_bridge_paces_where_the_hand_written_server_floods(calls: dict[str, Played]) -> None:
    """What a barge-in throws away at Twilio is what was sent ahead."""
    flushed = {name: calls[name].call["clears"][-1]["flushed_samples"] / 8 for name in calls}
    assert flushed["server"] <= 240
    assert flushed["before"] >= 1_000
