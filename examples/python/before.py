"""The server in `server.py` as it is written by hand, without trunkline, to compare the two.

It works, on a good day. What it gets wrong is marked, with the name of what gets it right in `server.py`.
"""

import asyncio
import base64
import json
import os
import warnings

from fastapi import FastAPI, Response, WebSocket
from websockets.asyncio.client import ClientConnection, connect

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop  # [1] Gone from Python 3.13. `trunkline.audioop` is the same, and faster.

RateState = tuple[int, tuple[tuple[int, int], ...]]

app = FastAPI()


@app.post("/twilio/incoming-call")
async def incoming_call() -> Response:
    url = os.environ["PUBLIC_URL"].replace("https:", "wss:") + "/streams"
    twiml = f'<Response><Connect><Stream url="{url}"/></Connect></Response>'
    return Response(twiml, media_type="text/xml")


class Call:
    def __init__(self, twilio: WebSocket, model: ClientConnection) -> None:
        self.twilio = twilio
        self.model = model
        self.stream_sid = ""
        self.timestamp_ms = 0
        self.answer_began_ms: int | None = None
        self.item_id = ""
        self.up: RateState | None = None
        self.down: RateState | None = None

    async def caller_to_model(self) -> None:
        async for text in self.twilio.iter_text():
            message = json.loads(text)
            match message["event"]:
                case "start":
                    self.stream_sid = message["start"]["streamSid"]
                case "media":
                    # [2] Time stamps with gaps, doubled frames: the model hears a click, or the past.
                    self.timestamp_ms = int(message["media"]["timestamp"])
                    pcm = audioop.ulaw2lin(base64.b64decode(message["media"]["payload"]), 2)
                    # [3] No filter: everything above 4 kHz is a mirror image of what is below.
                    pcm, self.up = audioop.ratecv(pcm, 2, 1, 8_000, 24_000, self.up)
                    audio = base64.b64encode(pcm).decode()
                    event = {"type": "input_audio_buffer.append", "audio": audio}
                    await self.model.send(json.dumps(event))
                case "stop":
                    break
        await self.model.close()

    async def model_to_caller(self) -> None:
        async for text in self.model:
            event = json.loads(text)
            match event["type"]:
                # [4] Nothing checks that the session took the format: if not, the caller hears noise.
                case "response.output_audio.delta":
                    if self.item_id != event["item_id"]:
                        self.item_id = event["item_id"]
                        self.answer_began_ms = self.timestamp_ms
                    pcm, self.down = audioop.ratecv(
                        base64.b64decode(event["delta"]), 2, 1, 24_000, 8_000, self.down
                    )
                    payload = base64.b64encode(audioop.lin2ulaw(pcm, 2)).decode()
                    # [5] Sent as fast as the model speaks: minutes wait at Twilio, none of it ours.
                    await self.to_twilio({"event": "media", "media": {"payload": payload}})
                case "input_audio_buffer.speech_started":
                    await self.interrupt()

    async def interrupt(self) -> None:
        if self.answer_began_ms is None:
            return
        # [6] Time since the first delta, not what was heard: the caller's own network, Twilio's queue and
        # answers that wait behind others are not in it. The model believes that more was said than was;
        # or it is told of more than there is, and refuses.
        event = {
            "type": "conversation.item.truncate",
            "item_id": self.item_id,
            "content_index": 0,
            "audio_end_ms": self.timestamp_ms - self.answer_began_ms,
        }
        await self.model.send(json.dumps(event))
        # [7] Deltas of the dead answer that are still on their way are played after this.
        await self.to_twilio({"event": "clear"})
        self.answer_began_ms = None

    async def to_twilio(self, message: dict[str, object]) -> None:
        await self.twilio.send_text(json.dumps(message | {"streamSid": self.stream_sid}))


@app.websocket("/streams")
async def streams(twilio: WebSocket) -> None:
    await twilio.accept()  # [8] Whoever finds the URL may talk to the model at your expense.
    url = os.environ.get("OPENAI_REALTIME_URL", "wss://api.openai.com/v1/realtime")
    headers = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    async with connect(f"{url}?model=gpt-realtime", additional_headers=headers) as model:
        audio = {"format": {"type": "audio/pcm", "rate": 24_000}}
        session = {"type": "realtime", "audio": {"input": audio, "output": audio}}
        await model.send(json.dumps({"type": "session.update", "session": session}))
        await model.send(json.dumps({"type": "response.create"}))
        call = Call(twilio, model)
        await asyncio.gather(call.caller_to_model(), call.model_to_caller())
