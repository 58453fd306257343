"""What `aio.run` promises of its loop, over connections whose other end is the test's."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable

import pytest

import wire
from trunkline import Bridge, CallEnded, CallStarted, Dtmf, Event, Mark, SessionReady, mulaw_encode
from trunkline.aio import End, run
from wire import Json

SECOND = mulaw_encode(bytes(16_000))


class Pipe:
    """A connection. The test puts in what is received and looks at what was sent."""

    def __init__(self, *messages: Json) -> None:
        self.received = 0
        self.sent: list[Json] = []
        self.takes = asyncio.Event()
        self.takes.set()
        self._messages: asyncio.Queue[Json | None] = asyncio.Queue()
        self.put(*messages)

    def put(self, *messages: Json | None) -> None:
        """`None` is the end."""
        for message in messages:
            self._messages.put_nowait(message)

    async def send(self, message: str, /) -> None:
        await self.takes.wait()
        self.sent.append(json.loads(message))

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        while (message := await self._messages.get()) is not None:
            self.received += 1
            yield json.dumps(message)

    def kinds(self) -> list[str]:
        return [message.get("type") or message["event"] for message in self.sent]


def ready() -> tuple[Bridge, Pipe, Pipe]:
    """A call that has just begun and a model that is ready."""
    bridge = Bridge(model_audio="mulaw", downlink_capacity=30)
    bridge.update_session()
    audio = {side: {"format": {"type": "audio/pcmu"}} for side in ("input", "output")}
    return bridge, Pipe(wire.start()), Pipe(wire.session_with(audio))


async def until(condition: Awaitable[object] | None = None, seconds: float = 0.05) -> None:
    await (asyncio.sleep(seconds) if condition is None else asyncio.wait_for(condition, 5))


def test_events_are_told_in_order_and_one_that_is_awaited_holds_up_the_next() -> None:
    async def call() -> list[str]:
        bridge, twilio, openai = ready()
        twilio.put(wire.dtmf("1"), wire.dtmf("2"), wire.stop())
        told: list[str] = []

        async def on_event(event: Event) -> None:
            told.append(f"begins {type(event).__name__}")
            await asyncio.sleep(0.001)
            told.append(f"ends {type(event).__name__}")

        assert await run(bridge, twilio, openai, on_event) == End("call-ended")
        return told

    told = asyncio.run(call())
    names = [line.removeprefix("begins ") for line in told[::2]]
    assert told == [f"{verb} {name}" for name in names for verb in ("begins", "ends")]
    assert names[0] == "CallStarted"
    assert [name for name in names if name == "Dtmf"] == ["Dtmf", "Dtmf"]
    assert names[-1] == "CallEnded"


def test_a_command_within_an_event_goes_out_at_once() -> None:
    async def call() -> None:
        bridge, twilio, openai = ready()

        def on_event(event: Event) -> None:
            if event == SessionReady():
                bridge.send_openai('{"type":"hello"}')

        task = asyncio.create_task(run(bridge, twilio, openai, on_event))
        await until()
        assert openai.kinds() == ["session.update", "hello"]
        twilio.put(None)
        await task

    asyncio.run(call())


def test_commands_of_other_tasks_and_threads_lose_no_message_and_keep_their_order() -> None:
    async def call() -> tuple[Bridge, list[Json]]:
        bridge, twilio, openai = ready()
        task = asyncio.create_task(run(bridge, twilio, openai))
        stopped = threading.Event()

        def command() -> None:
            number = 0
            while not stopped.wait(0.0005):
                bridge.send_openai(json.dumps({"type": "hello", "number": number}))
                number += 1

        thread = threading.Thread(target=command)
        thread.start()
        for number in range(200):
            twilio.put(wire.media(number, SECOND[:160]))
            await asyncio.sleep(0.001)
        stopped.set()
        thread.join()
        twilio.put(wire.media(200, SECOND[:160]), None)
        await task
        return bridge, openai.sent

    bridge, sent = asyncio.run(call())
    assert bridge.stats.media_messages == 201
    numbers = [event["number"] for event in sent if event["type"] == "hello"]
    assert len(numbers) > 20
    assert numbers == list(range(len(numbers)))


def test_paced_audio_goes_out_by_the_clock_without_any_message() -> None:
    async def call() -> tuple[int, int]:
        bridge, twilio, openai = ready()
        task = asyncio.create_task(run(bridge, twilio, openai))
        openai.put(wire.delta("resp_1", "item_1", SECOND))
        await until()
        early = twilio.kinds().count("media")
        await until(seconds=0.5)
        late = twilio.kinds().count("media")
        twilio.put(None)
        await task
        return early, late

    early, late = asyncio.run(call())
    assert 10 <= early <= 20, "the lead of 200 ms"
    assert early + 20 <= late <= early + 40


def test_while_a_peer_takes_nothing_only_one_message_is_read_ahead_of_each() -> None:
    async def call() -> None:
        bridge, twilio, openai = ready()
        task = asyncio.create_task(run(bridge, twilio, openai))
        await until()
        openai.takes.clear()
        twilio.put(*(wire.media(number, SECOND[:160]) for number in range(1_000)))
        openai.put(*({"type": "surprise"} for _ in range(1_000)))
        before = twilio.received, openai.received
        await until()
        assert twilio.received <= before[0] + 2
        assert openai.received <= before[1] + 2
        openai.takes.set()
        await until(seconds=0.5)
        assert twilio.received == before[0] + 1_000
        twilio.put(None)
        await task

    asyncio.run(call())


@pytest.mark.parametrize("peer", ["twilio", "openai"])
def test_a_peer_that_takes_nothing_for_too_long_counts_as_gone(peer: str) -> None:
    async def call() -> tuple[End, list[Event]]:
        bridge, twilio, openai = ready()
        events: list[Event] = []
        (twilio if peer == "twilio" else openai).takes.clear()
        openai.put(wire.delta("resp_1", "item_1", SECOND))
        return await run(bridge, twilio, openai, events.append, send_timeout=0.05), events

    end, events = asyncio.run(asyncio.wait_for(call(), 5))
    assert end.reason == f"{peer}-closed"
    assert isinstance(end.error, TimeoutError)
    assert (CallEnded() in events) == (peer == "twilio")


def test_what_twilio_said_before_the_model_went_is_not_lost() -> None:
    async def call() -> list[Event]:
        bridge, twilio, openai = ready()
        events: list[Event] = []

        def on_event(event: Event) -> None:
            events.append(event)
            if isinstance(event, CallStarted):
                openai.put(None)
                twilio.put(*(wire.dtmf(digit) for digit in "123456"))

        while not bridge.is_closed:
            end = await run(bridge, twilio, openai, on_event)
            if end.reason == "openai-closed":
                openai = Pipe()
                twilio.put(wire.stop())
        return events

    events = asyncio.run(asyncio.wait_for(call(), 5))
    digits = [event.digit for event in events if isinstance(event, Dtmf)]
    assert digits == list("123456")
    assert events[-1] == CallEnded()


def test_audio_that_finds_no_room_is_held_back_and_heard_in_the_end() -> None:
    """More content parts at once than a bridge keeps books of."""

    async def call() -> Bridge:
        bridge, twilio, openai = ready()
        heard = asyncio.Event()

        def on_event(event: Event) -> None:
            if event == Mark("over", True):
                heard.set()

        async def echo() -> None:
            done = 0
            while True:
                for message in twilio.sent[done:]:
                    if message["event"] == "mark":
                        twilio.put(wire.mark(message["mark"]["name"]))
                done = len(twilio.sent)
                await asyncio.sleep(0.005)

        task = asyncio.create_task(run(bridge, twilio, openai, on_event))
        echoing = asyncio.create_task(echo())
        openai.put(wire.response_created("resp_1"))
        for number in range(40):
            openai.put(wire.item_added("resp_1", f"item_{number}"))
            openai.put(wire.delta("resp_1", f"item_{number}", SECOND[:400]))
            openai.put(wire.audio_done("resp_1", f"item_{number}"))
        openai.put(wire.response_done("resp_1"))
        await until(seconds=2.5)
        bridge.mark("over")
        twilio.put(wire.dtmf("1"))
        await until(heard.wait())
        echoing.cancel()
        twilio.put(None)
        await task
        return bridge

    assert asyncio.run(call()).stats.sent_samples == 40 * 400


def test_an_exception_of_on_event_comes_out_and_nothing_goes_on() -> None:
    async def call() -> None:
        bridge, twilio, openai = ready()

        def on_event(event: Event) -> None:
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            await run(bridge, twilio, openai, on_event)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(call())


def test_a_run_that_is_cancelled_ends_and_nothing_goes_on() -> None:
    async def call() -> None:
        bridge, twilio, openai = ready()
        task = asyncio.create_task(run(bridge, twilio, openai))
        await until()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(call())


def test_a_call_that_is_over_is_not_begun() -> None:
    async def call() -> End:
        bridge = Bridge()
        bridge.handle_twilio_closed()
        bridge.drain()
        return await run(bridge, Pipe(), Pipe())

    assert asyncio.run(call()) == End("call-ended")
