"""The Twilio simulator before the official helper library's validator."""

import asyncio
import json

from aiohttp import web
from conftest import BINARY, write_tone
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Connect, VoiceResponse

TOKEN = "0123456789abcdef0123456789abcdef"
HOST = "voice.example.com"


class App:
    """A voice application that sends the caller's words back and keeps the requests."""

    def __init__(self):
        self.forms = []
        self.upgrade = None
        self.messages = []

    async def webhook(self, request):
        form = await request.post()
        self.forms.append((f"https://{HOST}{request.path_qs}", form, request.headers))
        response = VoiceResponse()
        if request.path == "/incoming":
            connect = Connect()
            stream = connect.stream(url=f"wss://{HOST}/streams", status_callback="/stream-status")
            stream.parameter(name="token", value='a&b<"c">')
            response.append(connect)
        return web.Response(text=str(response), content_type="text/xml")

    async def stream(self, request):
        self.upgrade = request.headers
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            event = json.loads(message.data)
            self.messages.append(event)
            if event["event"] == "media":
                await socket.send_json(
                    {
                        "event": "media",
                        "streamSid": event["streamSid"],
                        "media": {"payload": event["media"]["payload"]},
                    }
                )
        return socket


def call(app, *arguments):
    """Lets the simulator call `app`; its exit code and log."""

    async def run():
        application = web.Application()
        application.router.add_post("/{path:incoming|status|stream-status}", app.webhook)
        application.router.add_get("/streams", app.stream)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *[BINARY, "twilio", "--connect-to", f"127.0.0.1:{port}", "--auth-token", TOKEN],
            *["--webhook", f"https://{HOST}/incoming?line=%2B1&x=a+b", *arguments],
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        await runner.cleanup()
        return process.returncode, [json.loads(line) for line in output.splitlines()]

    return asyncio.run(run())


def test_every_request_of_a_call_is_signed_as_the_helper_library_expects(tmp_path):
    write_tone(tmp_path / "hello.wav", 0.3, rate=8_000)
    app = App()
    code, log = call(
        app,
        *["--outbound-api", "--status-callback", f"https://{HOST}/status"],
        *["pause:100", f"say:{tmp_path / 'hello.wav'}", "wait-start", "dtmf:1#", "hang-up"],
    )
    assert code == 0, log
    validator = RequestValidator(TOKEN)
    for url, form, headers in app.forms:
        signature = headers["X-Twilio-Signature"]
        assert validator.validate(url, form, signature), url
        assert not validator.validate(url, {**form, "From": "+15550199"}, signature)
        assert not validator.validate(f"{url}/", form, signature)
    forms = [(url.split("/")[3].split("?")[0], form) for url, form, _ in app.forms]
    statuses = [form["CallStatus"] for path, form in forms if path == "status"]
    assert statuses == ["initiated", "ringing", "in-progress", "completed"]
    numbers = [form["SequenceNumber"] for path, form in forms if path == "status"]
    assert numbers == ["0", "1", "2", "3"]
    events = [form["StreamEvent"] for path, form in forms if path == "stream-status"]
    assert events == ["stream-started", "stream-stopped"]

    # The upgrade is signed over the URL of the TwiML, under a name in lower case.
    assert "x-twilio-signature" in list(app.upgrade)
    signature = app.upgrade["x-twilio-signature"]
    assert validator.validate(f"wss://{HOST}/streams", {}, signature)
    assert not validator.validate(f"https://{HOST}/streams", {}, signature)
    assert "Sec-WebSocket-Extensions" not in app.upgrade

    kinds = [message["event"] for message in app.messages]
    assert (kinds[0], kinds[1], kinds[-1]) == ("connected", "start", "stop")
    assert kinds.count("dtmf") == 2
    start = app.messages[1]["start"]
    assert start["customParameters"] == {"token": 'a&b<"c">'}
    numbers = [int(message["sequenceNumber"]) for message in app.messages[1:]]
    assert numbers == list(range(1, len(app.messages)))


def test_unruly_callbacks_repeat_their_idempotency_token():
    app = App()
    code, log = call(
        app,
        *["--outbound-api", "--unruly-callbacks", "--status-callback", f"https://{HOST}/status"],
        *["pause:40", "hang-up"],
    )
    assert code == 0, log
    callbacks = {}
    for url, form, headers in app.forms:
        if url.endswith("/status"):
            token = headers["I-Twilio-Idempotency-Token"]
            callbacks.setdefault(form["SequenceNumber"], []).append(token)
    assert sorted(callbacks) == ["0", "1", "2", "3"]
    assert all(len(set(tokens)) == 1 for tokens in callbacks.values())
    assert sorted(len(tokens) for tokens in callbacks.values()) == [1, 1, 2, 2]
