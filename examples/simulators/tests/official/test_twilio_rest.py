"""The Twilio simulator's REST API before the official helper library's client."""

import asyncio
import json

import pytest
from aiohttp import web
from conftest import BINARY
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client
from twilio.twiml.voice_response import Connect, Dial, VoiceResponse

ACCOUNT = "AC" + "5" * 32
TOKEN = "0123456789abcdef0123456789abcdef"
HOST = "voice.example.com"


class Simulated(TwilioHttpClient):
    """Sends to the simulator what is meant for Twilio."""

    def __init__(self, url):
        super().__init__()
        self.url = url

    def request(self, method, url, *arguments, **more):
        url = url.replace("https://api.twilio.com", self.url)
        return super().request(method, url, *arguments, **more)


async def webhook(_request):
    response = VoiceResponse()
    connect = Connect()
    connect.stream(url=f"wss://{HOST}/streams")
    response.append(connect)
    return web.Response(text=str(response), content_type="text/xml")


async def stream(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for _ in socket:
        pass
    return socket


def transfer(url, call_sid):
    """Transfers the call; what the library makes of the answer."""
    with pytest.raises(TwilioRestException) as refused:
        Client(ACCOUNT, "wrong", http_client=Simulated(url)).calls(call_sid).update(twiml="<x/>")
    assert (refused.value.status, refused.value.code) == (401, 20003)
    client = Client(ACCOUNT, TOKEN, http_client=Simulated(url))
    with pytest.raises(TwilioRestException) as refused:
        client.calls("CA" + "0" * 32).update(twiml="<x/>")
    assert (refused.value.status, refused.value.code) == (404, 20404)
    response = VoiceResponse()
    dial = Dial(caller_id="+15550100", timeout=20, answer_on_bridge=True)
    dial.number("+15550123")
    response.append(dial)
    return client.calls(call_sid).update(twiml=str(response))


def test_the_helper_library_transfers_a_simulated_call(tmp_path):
    record = tmp_path / "call.json"

    async def run():
        application = web.Application()
        application.router.add_post("/incoming", webhook)
        application.router.add_get("/streams", stream)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *[BINARY, "twilio", "--connect-to", f"127.0.0.1:{port}", "--auth-token", TOKEN],
            *["--account-sid", ACCOUNT, "--rest-listen", "127.0.0.1:0", "--record", record],
            *["--webhook", f"https://{HOST}/incoming", "--time-limit", "10", "pause:9000"],
            stdout=asyncio.subprocess.PIPE,
        )
        seen = {}
        while "stream_started" not in seen:
            event = json.loads(await process.stdout.readline())
            seen[event["kind"]] = event
        url, call_sid = seen["rest_listening"]["url"], seen["dial"]["callSid"]
        call = await asyncio.to_thread(transfer, url, call_sid)
        assert (call.sid, call.account_sid, call.status) == (call_sid, ACCOUNT, "in-progress")
        await process.communicate()
        await runner.cleanup()
        return process.returncode

    assert asyncio.run(run()) == 0
    written = json.loads(record.read_text(encoding="utf-8"))
    assert (written["ending"], written["violations"]) == ("server_hung_up", [])
    (dial,) = written["dials"]
    assert (dial["numbers"], dial["caller_id"]) == (["+15550123"], "+15550100")
    assert (dial["timeout"], dial["answer_on_bridge"]) == (20.0, True)
