"""A loop around a `Bridge` over two asyncio connections.

```python
bridge = Bridge()
bridge.update_session(instructions="You are a receptionist.")
async with connect("wss://api.openai.com/v1/realtime?model=...", additional_headers=...) as openai:
    end = await run(bridge, from_starlette(websocket), openai, on_event)
```

Connections of `websockets` are taken as they are; those of Starlette and FastAPI through
`from_starlette`, those of aiohttp, either side's, through `from_aiohttp`.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from trunkline._trunkline import (
    Bridge,
    Event,
    OutputPendingError,
    QueueFullError,
    ToOpenAi,
    ToTwilio,
    TrunklineError,
)

__all__ = ["Connection", "End", "from_aiohttp", "from_starlette", "run"]

OnEvent = Callable[[Event], Awaitable[object] | None]


class Connection(Protocol):
    """A WebSocket: whole messages out, whole messages in until it is closed."""

    def send(self, message: str, /) -> Awaitable[None]:
        """Sends a text frame; waits while the peer does not take what was sent before."""
        ...

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """The peer's messages. Waiting for one may be given up without losing it."""
        ...


@dataclass(frozen=True)
class End:
    """Why `run` came back."""

    reason: Literal["call-ended", "twilio-closed", "openai-closed"]
    """`"call-ended"`: Twilio has said so. Else that connection has ended."""
    error: Exception | None = None
    """What that connection raised, if it did; `TimeoutError` if it took nothing. A peer that closes in
    order while something is being sent to it shows as the library's own exception for that."""


async def run(
    bridge: Bridge,
    twilio: Connection,
    openai: Connection,
    on_event: OnEvent | None = None,
    *,
    send_timeout: float = 10.0,
) -> End:
    """Carries a call until it, or either connection, ends. Closes neither connection.

    This task alone hands messages to the bridge and sends on both connections, so that nothing is
    reordered. From each peer one message is read ahead, and none while a send waits: memory does not
    grow with what a peer sends too fast or leaves unread. Messages that the bridge refuses are logged
    and left out.

    When the model's connection ends first, the bridge is told (`Bridge.handle_openai_closed`), and this
    returns. The call is not over: to go on where it stood, call `Bridge.update_session` and `run` again
    with a new connection; to hang up, close Twilio's.

    Args:
        bridge: A bridge whose `update_session` was called. Its commands may be called at any time: in
            `on_event` they are sent at once, elsewhere with the next message or timeout, so within
            20 ms while the caller's media comes.
        twilio: The stream of the call, from its first message on.
        openai: The model's session.
        on_event: Called with each event in its order. What it returns is awaited, if it is awaitable,
            and the audio waits meanwhile: leave what takes time to a task of its own.
        send_timeout: Seconds that a peer may take nothing before its connection counts as ended.

    Returns:
        Why it ended, once the last event has been told.

    Raises:
        Exception: What `on_event` raised.
    """
    return await _Call(bridge, twilio, openai, on_event, send_timeout).carry()


class _Call:
    def __init__(
        self,
        bridge: Bridge,
        twilio: Connection,
        openai: Connection,
        on_event: OnEvent | None,
        send_timeout: float,
    ) -> None:
        self._bridge = bridge
        self._wake = asyncio.Event()
        self._twilio = _Peer(twilio, self._wake, send_timeout)
        self._openai = _Peer(openai, self._wake, send_timeout)
        self._on_event = on_event
        self._refused = 0

    async def carry(self) -> End:
        try:
            end = await self._loop()
        finally:
            await asyncio.gather(self._twilio.stop(), self._openai.stop())
        # What was read ahead belongs to the call, which may go on with another model.
        if self._twilio.message is not None and not self._bridge.is_closed:
            await self._feed(self._twilio, self._bridge.handle_twilio)
            if self._bridge.is_closed:
                return End("call-ended")
        return end

    async def _loop(self) -> End:
        await self._drain()
        while not self._bridge.is_closed:
            await self._wait()
            if self._delay() == 0:
                self._bridge.handle_timeout()
                await self._drain()
            if self._twilio.message is not None:
                await self._feed(self._twilio, self._bridge.handle_twilio)
            elif self._twilio.has_ended:
                self._bridge.handle_twilio_closed()
                await self._drain()
                return End("twilio-closed", self._twilio.error)
            if self._openai.message is not None:
                await self._feed(self._openai, self._bridge.handle_openai)
            elif self._openai.has_ended:
                self._bridge.handle_openai_closed()
                await self._drain()
                return End("openai-closed", self._openai.error)
        return End("call-ended")

    def _delay(self) -> float | None:
        """Seconds until the bridge's next timeout."""
        due = self._bridge.poll_timeout()
        return None if due is None else max(0.0, due - time.monotonic())

    async def _wait(self) -> None:
        """Waits for a message, the end of a connection, or the bridge's next timeout."""
        delay = self._delay()
        timer = None
        if delay is not None:
            timer = asyncio.get_running_loop().call_later(delay, self._wake.set)
        await self._wake.wait()
        self._wake.clear()
        if timer is not None:
            timer.cancel()

    async def _feed(self, peer: "_Peer", handle: Callable[[str | bytes], None]) -> None:
        """Hands the peer's message to the bridge and does what it says."""
        assert peer.message is not None
        while True:
            try:
                handle(peer.message)
            except OutputPendingError:
                # A command was given meanwhile, by another task or thread.
                await self._drain()
                continue
            except QueueFullError:
                # There will be room once more has been heard; until then the message stays, and
                # nothing more is read.
                break
            except TrunklineError as error:
                self._refuse(error)
            peer.take()
            break
        await self._drain()

    async def _drain(self) -> None:
        while outputs := self._bridge.drain():
            for output in outputs:
                match output:
                    case ToTwilio(text):
                        await self._twilio.send(text)
                    case ToOpenAi(text):
                        await self._openai.send(text)
                    case event:
                        result = self._on_event and self._on_event(event)
                        if result is not None:
                            await result

    def _refuse(self, error: TrunklineError) -> None:
        self._refused += 1
        # A peer that sends nothing else must not fill the disk.
        if self._refused <= _MAX_LOGGED:
            _log.warning("message refused: %s", error)


class _Peer:
    """A connection, and the message that was read ahead from it."""

    def __init__(self, connection: Connection, wake: asyncio.Event, send_timeout: float) -> None:
        self.message: str | bytes | None = None
        self.error: Exception | None = None
        self.has_ended = False
        self._connection = connection
        self._wake = wake
        self._send_timeout = send_timeout
        self._taken = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    def take(self) -> None:
        """Frees the place for the next message."""
        self.message = None
        self._taken.set()
        if self.has_ended:
            self._wake.set()

    async def send(self, text: str) -> None:
        """Sends `text`, unless the connection has ended, as it has if this fails."""
        if self.has_ended:
            return
        try:
            async with asyncio.timeout(self._send_timeout):
                await self._connection.send(text)
        except Exception as error:
            self._reader.cancel()
            self._end(error)

    async def stop(self) -> None:
        """Reads no more. `message` stays."""
        self._reader.cancel()
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        try:
            async for message in self._connection:
                self.message = message
                self._wake.set()
                await self._taken.wait()
                self._taken.clear()
        except Exception as error:
            self._end(error)
        else:
            self._end(None)

    def _end(self, error: Exception | None) -> None:
        self.has_ended = True
        self.error = self.error or error
        self._wake.set()


class StarletteWebSocket(Protocol):
    """What is used of `starlette.websockets.WebSocket`."""

    async def receive(self) -> MutableMapping[str, Any]: ...
    async def send_text(self, data: str) -> None: ...


def from_starlette(websocket: StarletteWebSocket) -> Connection:
    """An accepted WebSocket of Starlette or FastAPI as a `Connection`."""
    return _Starlette(websocket)


class _Starlette:
    def __init__(self, websocket: StarletteWebSocket) -> None:
        self._websocket = websocket

    def send(self, message: str, /) -> Awaitable[None]:
        return self._websocket.send_text(message)

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        while (message := await self._websocket.receive())["type"] == "websocket.receive":
            text: str | None = message.get("text")
            yield message["bytes"] if text is None else text


class AiohttpMessage(Protocol):
    """What is used of `aiohttp.WSMessage`."""

    @property
    def data(self) -> object: ...


class AiohttpWebSocket(Protocol):
    """What is used of `aiohttp.ClientWebSocketResponse` and `aiohttp.web.WebSocketResponse`."""

    def send_str(self, data: str) -> Awaitable[None]: ...
    def __aiter__(self) -> AsyncIterator[AiohttpMessage]: ...


def from_aiohttp(websocket: AiohttpWebSocket) -> Connection:
    """A WebSocket of aiohttp, a client's or a prepared one of a server, as a `Connection`."""
    return _Aiohttp(websocket)


class _Aiohttp:
    def __init__(self, websocket: AiohttpWebSocket) -> None:
        self._websocket = websocket

    def send(self, message: str, /) -> Awaitable[None]:
        return self._websocket.send_str(message)

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        async for message in self._websocket:
            match message.data:
                case str() | bytes() as data:
                    yield data
                case Exception() as error:
                    raise error
                case _:
                    pass


_log = logging.getLogger(__name__)
_MAX_LOGGED = 10
