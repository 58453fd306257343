"""`aio.run` over the real libraries and sockets, with the simulators as both peers."""

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
import websockets

import simulators
from simulators import SPEECH, Client, Json, Model, Server
from trunkline import BargeIn, Bridge, CallEnded, Event, ItemHeard, ToolCall, Transcript
from trunkline.aio import Connection, End, run

TOOLS = [
    {
        "type": "function",
        "name": "book",
        "description": "Books.",
        "parameters": {"type": "object", "properties": {"day": {"type": "string"}}},
    }
]
LONG = {"speech": str(SPEECH / "agent-3.wav"), "transcript": "I have booked you in."}
SHORT = {"speech": str(SPEECH / "agent-1.wav"), "transcript": "Done."}
TOOL = {"user": "Half past two.", "tool": {"name": "book", "arguments": {"day": "tuesday"}}}
ASKS = f"say:{SPEECH / 'caller-2.wav'}"

UNBOUNDED = 64 << 20
"""Bytes; more than the buffers of two sockets hold."""

Value = TypeVar("Value")


def within(seconds: float, work: Awaitable[Value]) -> Value:
    async def bounded() -> Value:
        async with asyncio.timeout(seconds):
            return await work

    return asyncio.run(bounded())


class Host:
    """A server's side of a call: one bridge, and a new connection to the model for each `run`."""

    def __init__(self, model: Model, client: Client, runs: int = 1, **settings: Any) -> None:
        self.bridge = Bridge(downlink_capacity=16, **settings)
        self.events: list[Event] = []
        self.ends: list[End] = []
        self.done = asyncio.Event()
        self._model = model
        self._client = client
        self._runs = runs

    async def answer(self, twilio: Connection) -> None:
        try:
            for _ in range(self._runs):
                async with self._client(self._model.url) as openai:
                    self.bridge.update_session(
                        tools=json.dumps(TOOLS), transcription_model="gpt-4o-transcribe"
                    )
                    self.bridge.create_response()
                    self.ends.append(await run(self.bridge, twilio, openai, self._on_event))
        finally:
            self.done.set()

    def _on_event(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, ToolCall):
            self.bridge.send_tool_output(event.call_id, '{"booked":true}')


async def play(
    directory: Path,
    turns: Sequence[Mapping[str, Any]],
    steps: Sequence[str],
    *,
    server: Server = simulators.websockets_server,
    client: Client = simulators.websockets_client,
    twilio: Sequence[str] = (),
    model: Sequence[str] = (),
    **settings: Any,
) -> tuple[Host, Json, list[Json]]:
    """A call from its first byte to its last; with what both simulators have written down."""
    async with simulators.model(directory, turns, *model) as peer:
        host = Host(peer, client, **settings)
        async with server(host.answer) as webhook:
            call = await simulators.call(webhook, directory, steps, *twilio)
            await host.done.wait()
    return host, call, peer.sessions


@pytest.mark.parametrize(
    ("server", "client", "model_audio"),
    [
        (simulators.websockets_server, simulators.websockets_client, "mulaw"),
        (simulators.fastapi_server, simulators.websockets_client, "pcm24k"),
        (simulators.aiohttp_server, simulators.aiohttp_client, "pcm24k"),
    ],
    ids=["websockets", "FastAPI", "aiohttp"],
)
def test_a_call_with_a_barge_in_and_a_tool(
    server: Server, client: Client, model_audio: str, tmp_path: Path
) -> None:
    steps = ["wait-start", "wait-heard:800", ASKS, "wait-start", "wait-silent:700", "hang-up"]
    host, call, (session,) = within(
        60,
        play(
            tmp_path,
            [LONG, TOOL, SHORT],
            steps,
            server=server,
            client=client,
            model_audio=model_audio,
        ),
    )
    assert (call["exit_code"], call["violations"], session["errors"]) == (0, [], [])
    assert host.ends == [End("call-ended")]

    # What the caller truly heard of the first answer, in the simulator's own books.
    (clear,) = call["clears"]
    heard_ms = clear["played_samples"] / 8
    (truncate,) = session["truncates"]
    assert truncate["accepted"]
    assert heard_ms - 250 <= truncate["audio_end_ms"] <= heard_ms
    (barge_in,) = (event for event in host.events if isinstance(event, BargeIn))
    assert barge_in.audio_end == truncate["audio_end_ms"] / 1_000

    (tool_call,) = (event for event in host.events if isinstance(event, ToolCall))
    assert (tool_call.name, json.loads(tool_call.arguments)) == ("book", {"day": "tuesday"})
    assert [response["status"] for response in session["responses"]] == [
        "cancelled",
        "completed",
        "completed",
    ]
    said = [event for event in host.events if isinstance(event, Transcript) and event.is_final]
    assert [(words.speaker, words.text) for words in said][1:] == [
        ("caller", "Half past two."),
        ("model", "Done."),
    ]
    heard = [event for event in host.events if isinstance(event, ItemHeard)]
    assert [item.item_id for item in heard] == [said[-1].item_id]
    assert host.events[-1] == CallEnded()


def test_when_the_model_goes_the_call_goes_on_with_another_connection(tmp_path: Path) -> None:
    steps = ["wait-start", "wait-silent:600", "wait-start", "wait-silent:600", "hang-up"]
    model = ["--fault", "close:at=3.5s,code=1000"]
    host, call, sessions = within(60, play(tmp_path, [SHORT], steps, model=model, runs=2))
    assert (call["exit_code"], call["violations"]) == (0, [])
    assert [end.reason for end in host.ends] == ["openai-closed", "call-ended"]
    assert len(sessions) == 2
    assert sum(isinstance(event, ItemHeard) for event in host.events) == 2
    stats = host.bridge.stats
    assert stats.media_messages == len(call["sent"]), "none is lost between the two"
    assert stats.uplink_dropped_samples == 0


def test_a_model_that_breaks_off_is_told_with_its_error(tmp_path: Path) -> None:
    host, call, _ = within(
        30, play(tmp_path, [SHORT], ["pause:5000"], model=["--fault", "reset:at=500ms"])
    )
    (end,) = host.ends
    assert end.reason == "openai-closed"
    assert end.error is not None
    assert call["violations"] == []


@pytest.mark.parametrize(
    "server", [simulators.websockets_server, simulators.fastapi_server, simulators.aiohttp_server]
)
def test_a_twilio_that_breaks_off_ends_the_call(server: Server, tmp_path: Path) -> None:
    twilio = ["--fault", "reset:at=500ms"]
    host, _, (session,) = within(
        30, play(tmp_path, [SHORT], ["pause:5000"], server=server, twilio=twilio)
    )
    (end,) = host.ends
    assert end.reason == "twilio-closed"
    assert host.events[-1] == CallEnded()
    assert host.bridge.is_closed
    assert session["close"]["by_server"] is False


def test_what_cannot_be_read_is_logged_a_few_times_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "trunkline.aio"):
        host, call, _ = within(
            30,
            play(
                tmp_path,
                [SHORT],
                ["wait-start", "wait-silent:700", "hang-up"],
                twilio=["--fault", "garbage:every=40ms"],
            ),
        )
    assert call["exit_code"] == 0
    assert call["garbage"] > 20
    assert len(caplog.records) == 10
    assert host.ends == [End("call-ended")]
    assert any(isinstance(event, ItemHeard) for event in host.events)


@pytest.mark.parametrize(
    "server", [simulators.websockets_server, simulators.fastapi_server, simulators.aiohttp_server]
)
def test_a_send_waits_for_a_peer_that_does_not_read(server: Server) -> None:
    async def sent() -> int:
        sent = 0
        done = asyncio.Event()

        async def answer(connection: Connection) -> None:
            nonlocal sent
            try:
                while sent < UNBOUNDED:
                    async with asyncio.timeout(1):
                        await connection.send("x" * (64 << 10))
                    sent += 64 << 10
            except TimeoutError:
                pass
            done.set()

        async with server(answer) as webhook:
            url = await simulators.stream_url(webhook)
            async with websockets.connect(
                    url, max_queue=1, compression=None, close_timeout=0.1
                ):
                await done.wait()
        return sent

    assert within(20, sent()) < UNBOUNDED


def test_the_module_imports_none_of_the_libraries_it_adapts() -> None:
    script = (
        "import sys, trunkline.aio\n"
        "print({'aiohttp', 'fastapi', 'starlette', 'websockets'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
