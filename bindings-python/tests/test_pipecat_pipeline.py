"""The serializer in a pipeline of pipecat's, behind a real server, called by what plays as Twilio."""

import asyncio
import base64
import json
import time
from itertools import pairwise
from typing import Any

import uvicorn
import websockets
from fastapi import FastAPI, WebSocket
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

import trunkline
from pipecat_parts import STREAM, payload, run, speech
from trunkline.pipecat import MARK_INTERVAL, Playback, TwilioFrameSerializer

ANSWER_SECONDS = 3.0


class Bot(FrameProcessor):
    """Answers the first audio at length, and stops at a key."""

    def __init__(self) -> None:
        # pipecat's types lack arguments here and below.
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.heard: list[bytes] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case InputAudioRawFrame(audio=audio):
                self.heard.append(audio)
                if len(self.heard) == 1:
                    pcm = speech(round(24_000 * ANSWER_SECONDS), 24_000)
                    await self.push_frame(TTSAudioRawFrame(pcm, 24_000, 1))
            case InputDTMFFrame():
                await self.push_frame(InterruptionFrame())
            case _:
                await self.push_frame(frame, direction)


class Server:
    """One call at a time."""

    def __init__(self) -> None:
        self.bot = Bot()
        self.interrupted: list[Playback] = []
        self.ended = asyncio.Event()
        app = FastAPI()
        app.add_api_websocket_route("/media", self.call)
        self.server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))

    async def call(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()
        start = json.loads(await websocket.receive_text())
        params = TwilioFrameSerializer.InputParams(auto_hang_up=False)
        serializer = TwilioFrameSerializer(start["streamSid"], params=params)
        serializer.add_event_handler(  # pyright: ignore[reportUnknownMemberType]
            "on_interrupted", self.on_interrupted
        )
        given = FastAPIWebsocketParams(
            serializer=serializer, audio_in_enabled=True, audio_out_enabled=True
        )
        transport = FastAPIWebsocketTransport(websocket, given)
        pipeline = Pipeline([transport.input(), self.bot, transport.output()])
        rates = PipelineParams(audio_in_sample_rate=24_000, audio_out_sample_rate=24_000)
        worker = PipelineWorker(pipeline, params=rates, enable_rtvi=False)

        async def hung_up(*_: object) -> None:
            await worker.cancel()

        transport.add_event_handler(  # pyright: ignore[reportUnknownMemberType]
            "on_client_disconnected", hung_up
        )
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()
        self.ended.set()

    async def on_interrupted(self, _: TwilioFrameSerializer, playback: Playback) -> None:
        self.interrupted.append(playback)


class Phone:
    """Plays what comes in its own time and echoes marks, as Twilio does."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.pcm = b""
        self.play_start = self.play_end = 0.0
        self.waiting: dict[str, asyncio.Task[None]] = {}
        self.marks: list[float] = []
        self.clears = 0

    @property
    def played(self) -> float:
        """Seconds of the answer."""
        return min(time.monotonic(), self.play_end) - self.play_start

    async def send(self, event: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"event": event, "streamSid": STREAM, **fields}))

    async def receive(self) -> None:
        async for text in self.socket:
            message = json.loads(text)
            match message:
                case {"event": "media"}:
                    codes = payload(str(text))
                    self.pcm += trunkline.mulaw_decode(codes)
                    self.play_start = self.play_start or time.monotonic()
                    self.play_end = max(self.play_end, time.monotonic()) + len(codes) / 8_000
                case {"event": "mark", "mark": {"name": name}}:
                    self.marks.append(time.monotonic())
                    self.waiting[name] = asyncio.create_task(self.echo(name, self.play_end))
                case {"event": "clear"}:
                    self.clears += 1
                    self.play_end = time.monotonic()
                    for name, task in self.waiting.items():
                        if task.cancel():
                            await self.echo(name, 0)
                case _:
                    raise AssertionError(f"Twilio knows no {message}")
            assert message["streamSid"] == STREAM

    async def echo(self, name: str, at: float) -> None:
        await asyncio.sleep(max(0, at - time.monotonic()))
        await self.send("mark", mark={"name": name})


def test_a_pipeline_knows_what_was_heard_when_it_is_interrupted() -> None:
    async def work() -> None:
        server = Server()
        serving = asyncio.create_task(server.server.serve())
        while not server.server.started:
            await asyncio.sleep(0.01)
        port = server.server.servers[0].sockets[0].getsockname()[1]
        async with websockets.connect(f"ws://127.0.0.1:{port}/media") as socket:
            phone = Phone(socket)
            receiving = asyncio.create_task(phone.receive())
            await phone.send("connected")
            await phone.send("start", start={"callSid": "CA1"})
            codes = trunkline.mulaw_encode(speech(160, 8_000))
            for _ in range(3):
                await phone.send("media", media={"payload": base64.b64encode(codes).decode()})
            while phone.played < 1.0:
                await asyncio.sleep(0.01)
            await phone.send("dtmf", dtmf={"digit": "1"})
            while not phone.clears:
                await asyncio.sleep(0.001)
            played = phone.played
            while not server.interrupted:
                await asyncio.sleep(0.01)
            sent = len(phone.pcm) / 16_000
        await asyncio.wait_for(server.ended.wait(), 10)
        await asyncio.gather(receiving, return_exceptions=True)
        server.server.should_exit = True
        await serving

        # The caller came through, at the pipeline's rate and from the first message on.
        native = trunkline.Resampler(8_000, 24_000)
        caller = trunkline.mulaw_decode(codes)
        assert server.bot.heard[:3] == [native.process(caller) for _ in range(3)]
        # So did the answer, until it was interrupted, ahead of its time.
        expected = trunkline.Resampler(24_000, 8_000).process(
            speech(round(24_000 * ANSWER_SECONDS), 24_000)
        )
        assert phone.pcm[:3_200] == trunkline.mulaw_decode(trunkline.mulaw_encode(expected[:3_200]))
        assert played < sent <= ANSWER_SECONDS
        # Marks are sparse, and their echoes prove all but the last of what was played.
        [playback] = server.interrupted
        assert playback.sent == sent
        assert played - 0.4 < playback.heard <= played
        assert all(after - before > 0.8 * MARK_INTERVAL for before, after in pairwise(phone.marks))
        assert phone.clears == 1

    run(work())
