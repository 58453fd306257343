"""What the command writes and how it ends."""

import asyncio
import json
import subprocess
import wave

from conftest import BINARY, write_tone
from openai import AsyncOpenAI


def run(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=30)


def test_a_directory_of_recordings_is_a_conversation_and_sessions_are_written(tmp_path):
    speech = tmp_path / "speech"
    speech.mkdir()
    first = write_tone(speech / "01.wav", 0.2)
    write_tone(speech / "02.wav", 0.3, rate=8_000)
    (speech / "01.txt").write_text("Good morning.\n", encoding="utf-8")
    records = tmp_path / "records"
    log = tmp_path / "log.jsonl"
    command = ["openai", "--listen", "127.0.0.1:0", "--speech", speech, "--latency", "10"]
    process = subprocess.Popen([BINARY, *command, "--record", records, "--log", log])

    async def talk(url):
        client = AsyncOpenAI(api_key="sk-simulated", websocket_base_url=url)
        async with client.realtime.connect(model="gpt-realtime-2.1") as connection:
            said = []
            for _ in range(2):
                await connection.response.create()
                async for event in connection:
                    if event.type == "response.done":
                        said.append(event.response.output[0].content[0].transcript)
                        break
            return said

    async def listening():
        while True:
            text = log.read_text(encoding="utf-8") if log.exists() else ""
            lines = text.splitlines()
            if text.endswith("\n"):
                return json.loads(lines[0])["url"].removesuffix("/realtime")
            await asyncio.sleep(0.01)

    async def conversation():
        return await talk(await asyncio.wait_for(listening(), 10))

    try:
        assert asyncio.run(conversation()) == ["Good morning.", "02"]
    finally:
        process.terminate()
    assert process.wait(10) == 0
    record = json.loads((records / "session-1.json").read_text(encoding="utf-8"))
    assert [response["status"] for response in record["responses"]] == ["completed"] * 2
    assert record["close"] == {"code": 1000, "reason": "", "by_server": False}
    item, other = (response["item_ids"][0] for response in record["responses"])
    with wave.open(str(records / f"session-1-{item}.wav")) as file:
        assert (file.getframerate(), file.readframes(10_000)) == (24_000, first)
    with wave.open(str(records / f"session-1-{other}.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (24_000, 7_200)
    kinds = [json.loads(line)["kind"] for line in log.read_text(encoding="utf-8").splitlines()]
    assert (kinds[0], kinds[-1]) == ("listening", "closed")


def test_a_call_that_nobody_answers_ends_with_a_violation_and_1(tmp_path):
    record = tmp_path / "call.json"
    call = run(
        *["twilio", "--webhook", "http://127.0.0.1:1/incoming", "--record", record, "hang-up"],
    )
    assert call.returncode == 1
    kinds = [json.loads(line)["kind"] for line in call.stdout.splitlines()]
    assert kinds == ["dial", "webhook", "violation", "ended"]
    written = json.loads(record.read_text(encoding="utf-8"))
    assert (written["ending"], written["violations"][0]["code"]) == ("failed", 11200)


def test_bad_arguments_are_explained(tmp_path):
    script = tmp_path / "script.json"
    webhook = ["--webhook", "http://127.0.0.1:1/"]
    for arguments, message in [
        (["twilio", *webhook, "sing"], "'sing' is not a step"),
        (["twilio", *webhook, "dtmf:x"], "'dtmf:x' is not a step"),
        (["twilio", *webhook, "say:nothing.wav"], "cannot open nothing.wav"),
        (["twilio", *webhook, "--fault", "stal:for=1s", "hang-up"], "'stal' is not a fault"),
        (["twilio", *webhook, "--fault", "stall:for=5", "hang-up"], "'5' is no time"),
        (["openai", "--speech", "x", "--fault", "reset"], "either at=TIME"),
        (["openai"], "--speech"),
        (["openai", "--speech", str(tmp_path)], "no WAV file"),
        (["openai", "--script", str(script)], "cannot read the script"),
        (["openai", "--delta", "9-5", "--speech", str(tmp_path)], "the lower one"),
    ]:
        result = run(*arguments)
        assert result.returncode == 2
        assert message in result.stderr, result.stderr
    for text in ['{"turns":[{"speach":"a.wav"}]}', '{"turns":[],"faults":["skip:at=1s"]}']:
        script.write_text(text, encoding="utf-8")
        assert run("openai", "--script", str(script)).returncode == 2


def test_the_script_in_the_help_is_one(realtime, tmp_path):
    for name in ("greeting.wav", "free.wav"):
        write_tone(tmp_path / name, 0.1)
    text = run("openai", "--help").stdout
    script = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert len(script["turns"]) == 4 and len(script["faults"]) == 5
    assert realtime(script).startswith("ws://127.0.0.1:")
