"""The project's simulators of Twilio and of OpenAI Realtime, as processes, and servers for them."""

import asyncio
import json
import os
import re
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
import websockets
from aiohttp import web
from fastapi import FastAPI, Response, WebSocket

from trunkline.aio import Connection, from_aiohttp, from_starlette

SPEECH = Path(__file__).parents[2] / "examples" / "demo" / "speech"

Json = dict[str, Any]
Answer = Callable[[Connection], Awaitable[None]]
Server = Callable[[Answer], AbstractAsyncContextManager[str]]
Client = Callable[[str], AbstractAsyncContextManager[Connection]]


def command() -> str:
    return os.environ["TRUNKLINE_SIM"]


@dataclass
class Model:
    """A running model; what it has written down about its sessions comes once it is stopped."""

    url: str
    sessions: list[Json] = field(default_factory=list[Json])


@asynccontextmanager
async def model(
    directory: Path, turns: Sequence[Mapping[str, Any]], *arguments: str
) -> AsyncGenerator[Model, None]:
    """A model that answers with `turns`, as the simulator's scripts have them."""
    script = directory / "script.json"
    script.write_text(json.dumps({"turns": turns}), encoding="utf-8")
    records = directory / "sessions"
    process = await asyncio.create_subprocess_exec(
        command(),
        *("openai", "--listen", "127.0.0.1:0", "--script", str(script), "--no-media"),
        *("--record", str(records), "--latency", "100", "--transcription", "20-60", *arguments),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    listening: Json = json.loads(await process.stdout.readline())
    running = Model(listening["url"] + "?model=gpt-realtime")
    rest = asyncio.create_task(process.stdout.read())
    try:
        yield running
    finally:
        process.terminate()
        await process.wait()
        await rest
    paths = sorted(records.glob("session-*.json"))
    running.sessions += [json.loads(path.read_text(encoding="utf-8")) for path in paths]


async def call(webhook: str, directory: Path, steps: Sequence[str], *arguments: str) -> Json:
    """A call to `webhook`, to its end; what Twilio has written down, `exit_code` too."""
    record = directory / "call.json"
    process = await asyncio.create_subprocess_exec(
        command(),
        *("twilio", "--webhook", webhook, "--allow-ws", "--record", str(record), "--no-media"),
        *("--log", str(directory / "call.jsonl"), *arguments, *steps),
    )
    try:
        async with asyncio.timeout(60):
            exit_code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
    written: Json = json.loads(record.read_text(encoding="utf-8"))
    return written | {"exit_code": exit_code}


async def stream_url(webhook: str) -> str:
    """Where the TwiML of `webhook` has the stream opened."""
    async with aiohttp.ClientSession() as session, session.post(webhook) as response:
        (url,) = re.findall(r'url="(.*?)"', await response.text())
        assert isinstance(url, str)
        return url


def twiml(port: int) -> str:
    url = f"ws://127.0.0.1:{port}/stream"
    return f'<Response><Connect><Stream url="{url}"/></Connect></Response>'


@asynccontextmanager
async def fastapi_server(answer: Answer) -> AsyncGenerator[str, None]:
    """FastAPI on uvicorn; gives the webhook's URL, as the others do."""
    app = FastAPI()
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]

    async def incoming() -> Response:
        return Response(twiml(port), media_type="text/xml")

    async def stream(websocket: WebSocket) -> None:
        await websocket.accept()
        await answer(from_starlette(websocket))

    app.add_api_route("/incoming", incoming, methods=["POST"])
    app.add_api_websocket_route("/stream", stream)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{port}/incoming"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def aiohttp_server(answer: Answer) -> AsyncGenerator[str, None]:
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]

    async def incoming(request: web.Request) -> web.StreamResponse:
        return web.Response(text=twiml(port), content_type="text/xml")

    async def stream(request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        await answer(from_aiohttp(websocket))
        return websocket

    app = web.Application()
    app.add_routes([web.post("/incoming", incoming), web.get("/stream", stream)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        yield f"http://127.0.0.1:{port}/incoming"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def websockets_server(answer: Answer) -> AsyncGenerator[str, None]:
    """`websockets` for the stream; the webhook, a POST, which it does not serve, is aiohttp's."""

    async def incoming(request: web.Request) -> web.StreamResponse:
        return web.Response(text=twiml(stream_port), content_type="text/xml")

    async def stream(websocket: websockets.ServerConnection) -> None:
        await answer(websocket)

    async with websockets.serve(stream, "127.0.0.1", 0) as server:
        stream_port: int = next(iter(server.sockets)).getsockname()[1]
        app = web.Application()
        app.add_routes([web.post("/incoming", incoming)])
        runner = web.AppRunner(app)
        await runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listener).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/incoming"
        finally:
            await runner.cleanup()


@asynccontextmanager
async def websockets_client(url: str) -> AsyncGenerator[Connection, None]:
    async with websockets.connect(url, additional_headers=HEADERS, max_size=None) as connection:
        yield connection


@asynccontextmanager
async def aiohttp_client(url: str) -> AsyncGenerator[Connection, None]:
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, headers=HEADERS, max_msg_size=0) as websocket:
            yield from_aiohttp(websocket)


HEADERS = {"Authorization": "Bearer sk-simulated"}
