"""A telephone line that a realtime model answers.

    pip install trunkline fastapi uvicorn websockets twilio
    PUBLIC_URL=https://voice.example.com TWILIO_AUTH_TOKEN=... OPENAI_API_KEY=... \
        uvicorn server:app --port 8080                      # behind a proxy with TLS

The number's voice webhook is PUBLIC_URL/twilio/incoming-call. `before.py` is the same by hand.
"""

import asyncio
import json
import logging
import os
import secrets
from datetime import datetime
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, Response, WebSocket, WebSocketException
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Connect, VoiceResponse
from websockets.asyncio.client import connect

import trunkline
from trunkline import BargeIn, CallStarted, ModelError, Mark, ToolCall, Transcript, aio

PUBLIC_URL = os.environ["PUBLIC_URL"].rstrip("/")
STREAM_URL = PUBLIC_URL.replace("https:", "wss:", 1) + "/streams"
MODEL_URL = os.environ.get("OPENAI_REALTIME_URL", "wss://api.openai.com/v1/realtime")
MODEL = os.environ.get("OPENAI_MODEL", "gpt-realtime")
API_KEY = os.environ["OPENAI_API_KEY"]

INSTRUCTIONS = (
    "You answer the phone of a small clinic. Keep every answer to one or two short sentences. "
    "Use now for the time of day, and hang_up once both of you have said goodbye."
)
TOOLS = [
    {"type": "function", "name": name, "description": description, "parameters": {"type": "object"}}
    for name, description in {"now": "The time of day.", "hang_up": "Ends the call."}.items()
]
TOKEN_LIFETIME = 30.0
START_TIMEOUT = 5.0

log = logging.getLogger("uvicorn.error")
validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])
tokens: dict[str, str] = {}
app = FastAPI()


@app.post("/twilio/incoming-call")
async def incoming_call(request: Request) -> Response:
    form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    signature = request.headers.get("X-Twilio-Signature", "")
    if not validator.validate(f"{PUBLIC_URL}/twilio/incoming-call", form, signature):
        return Response(status_code=403)
    # Only this answer has the token, which lets one stream in, of this call.
    token = secrets.token_urlsafe(16)
    tokens[token] = form["CallSid"]
    asyncio.get_running_loop().call_later(TOKEN_LIFETIME, tokens.pop, token, None)
    response, answer = VoiceResponse(), Connect()
    answer.stream(url=STREAM_URL).parameter(name="token", value=token)
    response.append(answer)
    return Response(str(response), media_type="text/xml")


@app.websocket("/streams")
async def streams(websocket: WebSocket) -> None:
    if not validator.validate(STREAM_URL, {}, websocket.headers.get("X-Twilio-Signature", "")):
        raise WebSocketException(1008)
    await websocket.accept()
    bridge = trunkline.Bridge(downlink_capacity=16.0)
    twilio = aio.from_starlette(websocket)
    if await is_expected(bridge, twilio):
        bridge.update_session(instructions=INSTRUCTIONS, voice="marin", tools=json.dumps(TOOLS))
        bridge.create_response()
        headers = {"Authorization": f"Bearer {API_KEY}"}
        url = f"{MODEL_URL}?model={MODEL}"
        async with connect(url, additional_headers=headers, max_size=16 << 20) as model:
            end = await aio.run(bridge, twilio, model, lambda event: on_event(bridge, event))
            log.info("call over: %s, %s", end, bridge.stats)
    await websocket.close()


async def is_expected(bridge: trunkline.Bridge, twilio: aio.Connection) -> bool:
    """Hands the bridge the messages up to the stream's start, and looks at its token."""
    async with asyncio.timeout(START_TIMEOUT):
        async for message in twilio:
            bridge.handle_twilio(message)
            for output in bridge.drain():
                if isinstance(output, CallStarted):
                    token = output.custom_parameters.get("token", "")
                    return tokens.pop(token, None) == output.call_sid
    return False


def on_event(bridge: trunkline.Bridge, event: trunkline.Event) -> None:
    match event:
        case Transcript(speaker, _, text, is_final=True):
            log.info("%s: %s", speaker, text)
        case BargeIn(item_id, audio_end):
            log.info("%s was interrupted after %.2f s", item_id, audio_end)
        case ToolCall(_, "hang_up"):
            bridge.mark("goodbye")  # comes back once the caller has heard all there is
        case ToolCall(call_id, _):
            bridge.send_tool_output(call_id, datetime.now().strftime("%H:%M"))
        case Mark("goodbye"):
            bridge.handle_twilio_closed()
        case ModelError(code, message):
            log.warning("%s: %s", code, message)
        case _:
            pass
