"""pipecat's stream resampler and Twilio serializer, on trunkline: `pip install trunkline[pipecat]`.

Both take the place of pipecat's own classes, with the same parameters:

    from trunkline.pipecat import TwilioFrameSerializer

    serializer = TwilioFrameSerializer(stream_sid, call_sid, account_sid, auth_token)

    @serializer.event_handler("on_interrupted")
    async def on_interrupted(serializer: TwilioFrameSerializer, playback: Playback) -> None:
        print(f"heard {playback.heard:.1f} s of {playback.sent:.1f} s")
"""

import asyncio
import base64
import json
import time
from dataclasses import dataclass
from typing import Literal

from pipecat.audio.resamplers.base_audio_resampler import BaseAudioResampler
from pipecat.frames.frames import (
    AudioRawFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputTransportMessageUrgentFrame,
)
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameProcessorSetup
from pipecat.serializers.twilio import TwilioFrameSerializer as PipecatTwilioFrameSerializer

from trunkline import PlaybackLedger, Resampler, mulaw_encode

__all__ = ["MARK_INTERVAL", "Playback", "StreamAudioResampler", "TwilioFrameSerializer"]

MARK_INTERVAL = 0.1
"""Seconds from audio to the mark behind it; all audio that is sent meanwhile shares the mark."""


class StreamAudioResampler(BaseAudioResampler):
    """Takes the place of `SOXRStreamAudioResampler`: 2.2 ms of delay instead of some 150.

    As that one it is for one stream between two rates, which the first call sets.
    """

    def __init__(
        self,
        *,
        profile: Literal["voice", "sharp"] = "voice",
        clear_after_secs: float | None = 0.2,
    ) -> None:
        """Makes one that learns its rates from the first call.

        Args:
            profile: As for `trunkline.Resampler`.
            clear_after_secs: Seconds without a call after which what came before is forgotten; `None`
                for never.
        """
        self._profile: Literal["voice", "sharp"] = profile
        self._clear_after_secs = clear_after_secs
        self._resampler: Resampler | None = None
        self._last_call = 0.0

    async def resample(self, audio: bytes, in_rate: int, out_rate: int) -> bytes:
        """Takes the next PCM of the stream and returns what it becomes.

        Raises:
            ValueError: The stream is one between other rates, or there is no conversion between
                these, or `audio` has an odd length.
        """
        if in_rate == out_rate:
            return audio
        now = time.monotonic()
        resampler = self._resampler
        if resampler is None:
            resampler = self._resampler = Resampler(in_rate, out_rate, profile=self._profile)
        elif (resampler.from_hz, resampler.to_hz) != (in_rate, out_rate):
            raise ValueError(
                f"expected a stream from {resampler.from_hz} to {resampler.to_hz} Hz, "
                f"got {in_rate} to {out_rate}"
            )
        elif self._clear_after_secs is not None and now - self._last_call > self._clear_after_secs:
            resampler.reset()
        self._last_call = now
        return resampler.process(audio)

    async def flush(self) -> bytes:
        """Returns what is still in the filter, and is as new."""
        return self._resampler.flush() if self._resampler else b""

    async def reset(self) -> None:
        """Forgets what came before."""
        if self._resampler:
            self._resampler.reset()


@dataclass(frozen=True)
class Playback:
    """How far the caller has come in a stretch of speech: audio sent without a pause in between."""

    heard: float
    """Seconds of it that have been played, as far as Twilio's marks prove it."""
    sent: float
    """Seconds of it that were sent."""


class TwilioFrameSerializer(PipecatTwilioFrameSerializer):
    """Takes the place of pipecat's own: it also knows what the caller has heard.

    Marks go out behind the audio, at most one in `MARK_INTERVAL`, by way of the pipeline that the
    serializer's transport is in. Twilio's echoes of them tell what was played; an interruption's
    `clear` ends the stretch of speech, and the event `on_interrupted` says how much of it was heard.
    """

    def __init__(
        self,
        stream_sid: str,
        call_sid: str | None = None,
        account_sid: str | None = None,
        auth_token: str | None = None,
        region: str | None = None,
        edge: str | None = None,
        base_url: str | None = None,
        params: PipecatTwilioFrameSerializer.InputParams | None = None,
        *,
        api_key_sid: str | None = None,
        api_key_secret: str | None = None,
    ) -> None:
        """As pipecat's own."""
        super().__init__(
            stream_sid,
            call_sid,
            account_sid,
            auth_token,
            region,
            edge,
            base_url,
            params,
            api_key_sid=api_key_sid,
            api_key_secret=api_key_secret,
        )
        clear_after_secs = self._params.resampler_clear_after_secs
        self._input_resampler = StreamAudioResampler(clear_after_secs=clear_after_secs)
        self._to_twilio = StreamAudioResampler(clear_after_secs=clear_after_secs)
        self._output_resampler = self._to_twilio
        self._ledger = PlaybackLedger(PlaybackLedger.RATE_HZ)
        self._stretch = 0
        self._stretch_start = 0
        self._worker: PipelineWorker | None = None
        self._mark_timer: asyncio.TimerHandle | None = None
        self._register_event_handler("on_interrupted")

    @property
    def ledger(self) -> PlaybackLedger:
        """What was sent and heard of the whole call."""
        return self._ledger

    @property
    def playback(self) -> Playback:
        """Of the stretch of speech that is being played, or was last."""
        rate = PlaybackLedger.RATE_HZ
        return Playback(
            heard=max(0, self._ledger.heard_samples - self._stretch_start) / rate,
            sent=(self._ledger.sent_samples - self._stretch_start) / rate,
        )

    # Serializers are set up with more than the base of all of pipecat's objects is.
    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]
        """As pipecat's own."""
        await super().setup(setup)
        self._task_manager = setup.task_manager
        self._worker = setup.pipeline_worker

    async def serialize(self, frame: Frame) -> str | bytes | None:
        """As pipecat's own."""
        if isinstance(frame, _MarkFrame):
            return self._mark()
        if isinstance(frame, InterruptionFrame):
            await self._interrupted()
        elif isinstance(frame, (EndFrame, CancelFrame)) and self._mark_timer:
            self._mark_timer.cancel()
        elif isinstance(frame, AudioRawFrame):
            return await self._media(frame)
        return await super().serialize(frame)

    async def deserialize(self, data: str | bytes) -> Frame | None:
        """As pipecat's own."""
        # Media, of which there is most, is looked at once only.
        if '"mark"' in (data if isinstance(data, str) else data.decode(errors="replace")):
            self._handle_mark(data)
        return await super().deserialize(data)

    async def _media(self, frame: AudioRawFrame) -> str | None:
        rate = self._twilio_sample_rate
        pcm = await self._to_twilio.resample(frame.audio, frame.sample_rate, rate)
        codes = mulaw_encode(pcm)
        if not codes:
            return None
        self._sent(len(codes) * PlaybackLedger.RATE_HZ // rate)
        if self._worker and not self._mark_timer:
            loop = asyncio.get_running_loop()
            self._mark_timer = loop.call_later(MARK_INTERVAL, self._request_mark, self._worker)
        media = {"payload": base64.b64encode(codes).decode()}
        return json.dumps({"event": "media", "streamSid": self._stream_sid, "media": media})

    def _sent(self, samples: int) -> None:
        now = time.monotonic()
        if self._ledger.queued(now) == 0:
            self._ledger.finish_all()
            self._begin_stretch()
        self._ledger.receive(f"stretch-{self._stretch}", 0, samples, samples)
        self._ledger.send(samples, now)

    def _begin_stretch(self) -> None:
        self._stretch += 1
        self._stretch_start = self._ledger.sent_samples

    def _request_mark(self, worker: PipelineWorker) -> None:
        self._mark_timer = None
        # There is no way to the transport but that through the pipeline. The mark is named at its end.
        request = worker.queue_frame(_MarkFrame(message={"event": "mark"}))
        # pipecat's types lack arguments here and below.
        self.create_task(request)  # pyright: ignore[reportUnknownMemberType]

    def _mark(self) -> str | None:
        if not self._ledger.unmarked_samples:
            return None
        mark = {"name": self._ledger.mark()}
        return json.dumps({"event": "mark", "streamSid": self._stream_sid, "mark": mark})

    def _handle_mark(self, data: str | bytes) -> None:
        try:
            message = json.loads(data)
        except json.JSONDecodeError:
            return  # pipecat's own will say so
        match message:
            case {"event": "mark", "mark": {"name": str(name)}}:
                self._ledger.handle_mark(name, time.monotonic())
                while self._ledger.pop_heard():
                    pass
            case _:
                pass

    async def _interrupted(self) -> None:
        playback = self.playback
        self._ledger.clear()
        self._begin_stretch()
        await self._to_twilio.reset()
        if playback.heard < playback.sent:
            event = "on_interrupted"
            await self._call_event_handler(event, playback)  # pyright: ignore[reportUnknownMemberType]


class _MarkFrame(OutputTransportMessageUrgentFrame):
    """Asks the serializer for a mark once the transport has come to it."""
