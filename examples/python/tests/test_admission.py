"""Who is not let in."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from stage import AUTH_TOKEN, PUBLIC_URL, model, server
from twilio.request_validator import RequestValidator
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

STREAM_URL = PUBLIC_URL.replace("https:", "wss:") + "/streams"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("admission")


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    with model(folder) as url, server("server", url) as port:
        yield port
    assert not list((folder / "sessions").glob("*")), "somebody has reached the model"


def signature(url: str, form: dict[str, str]) -> str:
    return str(RequestValidator(AUTH_TOKEN).compute_signature(url, form))


def test_a_webhook_that_twilio_did_not_sign_is_refused(port: int) -> None:
    url = f"http://127.0.0.1:{port}/twilio/incoming-call"
    for forged in ["", "forged", signature(f"{PUBLIC_URL}/twilio/incoming-call", {"CallSid": "CA2"})]:
        headers = {"X-Twilio-Signature": forged}
        request = urllib.request.Request(url, b"CallSid=CA1", headers, method="POST")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert refused.value.code == 403


def test_an_upgrade_that_twilio_did_not_sign_is_refused(port: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{port}/streams")
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("token", ["", "guessed"])
def test_a_stream_without_the_token_of_its_call_is_closed(port: int, token: str) -> None:
    headers = {"X-Twilio-Signature": signature(STREAM_URL, {})}
    start = {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": "MZ1",
        "start": {
            "streamSid": "MZ1",
            "accountSid": "AC1",
            "callSid": "CA1",
            "tracks": ["inbound"],
            "customParameters": {"token": token},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1},
        },
    }
    with connect(f"ws://127.0.0.1:{port}/streams", additional_headers=headers) as socket:
        socket.send(json.dumps(start))
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)
