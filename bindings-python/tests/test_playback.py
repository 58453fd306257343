"""The ledger of what the caller has heard."""

import math
import time
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import (
    Delete,
    Heard,
    InvalidFieldError,
    PlaybackLedger,
    QueueFullError,
    TruncateAt,
    Unheard,
    heard_text,
)

# 400 ms of an item, at the model's 24 kHz and on the line.
MODEL_SAMPLES, LINE_SAMPLES = 9_600, 3_200


def ledger_that_received(*items: str) -> PlaybackLedger:
    ledger = PlaybackLedger(24_000)
    for item in items:
        ledger.receive(item, 0, MODEL_SAMPLES, LINE_SAMPLES)
    return ledger


def test_an_item_is_cut_where_the_last_echoed_mark_stood() -> None:
    ledger = ledger_that_received("item_1")
    ledger.send(1_600, now=0)
    mark = ledger.mark()
    assert ledger.handle_mark(mark, now=0.23) == "heard"
    [part] = ledger.unheard()
    assert (part.item_id, part.content_index, part.heard_ms, part.received_ms, part.start) == (
        "item_1",
        0,
        200,
        400,
        0,
    )
    match part.cut:
        case TruncateAt(audio_end_ms):
            assert audio_end_ms == 200
        case other:
            pytest.fail(f"cut by {other}")


def test_an_item_of_which_nothing_was_heard_is_deleted_and_its_later_parts_with_it() -> None:
    ledger = ledger_that_received("item_1")
    ledger.receive("item_1", 1, MODEL_SAMPLES, LINE_SAMPLES)
    first, second = ledger.unheard()
    assert isinstance(first.cut, Delete)
    assert second.cut is None


def test_an_item_is_told_as_heard_once_and_only_when_it_is_finished() -> None:
    ledger = ledger_that_received("item_1")
    ledger.send(LINE_SAMPLES, now=0)
    assert ledger.handle_mark(ledger.mark(), now=0.41) == "heard"
    assert ledger.pop_heard() is None
    ledger.finish("item_1", 0)
    heard = ledger.pop_heard()
    assert heard is not None
    assert (heard.item_id, heard.content_index, heard.audio_ms) == ("item_1", 0, 400)
    assert ledger.pop_heard() is None
    assert ledger.unheard() == []


def test_an_echo_too_early_is_believed_no_further_than_the_clock() -> None:
    ledger = ledger_that_received("item_1")
    ledger.send(LINE_SAMPLES, now=10)
    ledger.handle_mark(ledger.mark(), now=10.1)
    # 100 ms, and 20 ms of grace.
    assert 800 <= ledger.heard_samples <= 800 + 160 + 1


def test_what_a_clear_flushes_never_counts() -> None:
    ledger = ledger_that_received("item_1")
    ledger.send(LINE_SAMPLES, now=0)
    mark = ledger.mark()
    assert ledger.epoch == 0
    ledger.clear()
    assert ledger.epoch == 1
    assert ledger.handle_mark(mark, now=1) == "flushed"
    assert ledger.unheard() == []
    assert ledger.queued(now=0.1) == 0


@pytest.mark.parametrize(
    "name", ["", "mine", "tl:0:99999", "tl:1:0", "tl:0:01", "tl:0:-1", "\0", "µ"]
)
def test_names_that_are_not_the_ledgers_are_foreign(name: str) -> None:
    ledger = ledger_that_received("item_1")
    ledger.send(1_600, now=0)
    ledger.mark()
    assert ledger.handle_mark(name, now=5) == "foreign"
    assert ledger.heard_samples == 0


def test_the_queue_is_what_was_sent_and_not_yet_played() -> None:
    ledger = ledger_that_received("item_1")
    ledger.send(1_600, now=5)
    assert ledger.queued(now=5.05) == pytest.approx(0.15)
    assert ledger.play_end == pytest.approx(5.2)
    assert ledger.queued(now=6) == 0
    assert (ledger.received_samples, ledger.sent_samples) == (LINE_SAMPLES, 1_600)
    assert ledger.unmarked_samples == 1_600
    ledger.mark()
    assert ledger.unmarked_samples == 0


def test_no_more_is_sent_than_was_received() -> None:
    ledger = ledger_that_received("item_1")
    ledger.send(1_000_000, now=0)
    assert ledger.sent_samples == LINE_SAMPLES


def test_the_default_clock_is_the_monotonic_one() -> None:
    ledger = ledger_that_received("item_1")
    before = time.monotonic()
    ledger.send(LINE_SAMPLES)
    after = time.monotonic()
    assert before + 0.4 - 1e-6 <= ledger.play_end <= after + 0.4 + 1e-6
    assert 0 < ledger.queued() <= 0.4
    assert ledger.handle_mark(ledger.mark()) == "heard"


@pytest.mark.parametrize("now", [-1.0, -1e-9, math.nan, math.inf, -math.inf, 1e300])
def test_times_that_no_clock_shows_are_refused_and_change_nothing(now: float) -> None:
    ledger = ledger_that_received("item_1")
    with pytest.raises(InvalidFieldError) as caught:
        ledger.send(160, now=now)
    assert caught.value.name == "now"
    with pytest.raises(InvalidFieldError):
        ledger.handle_mark("tl:0:0", now=now)
    with pytest.raises(InvalidFieldError):
        ledger.queued(now=now)
    assert ledger.sent_samples == 0


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidFieldError) as caught:
        PlaybackLedger(0)
    assert caught.value.name == "model_rate_hz"


@pytest.mark.parametrize(
    "item_id", ["", "x" * 65, "with space", "ünïcode", 'quo"te', "back\\slash"]
)
def test_ids_that_no_model_makes_are_refused(item_id: str) -> None:
    ledger = PlaybackLedger(24_000)
    with pytest.raises(InvalidFieldError) as caught:
        ledger.announce(item_id, 0)
    assert caught.value.name == "item_id"
    assert ledger.unheard() == []


def test_more_parts_than_fit_are_refused_and_change_nothing() -> None:
    ledger = ledger_that_received(*(f"item_{n}" for n in range(PlaybackLedger.MAX_PARTS)))
    before = ledger.unheard()
    with pytest.raises(QueueFullError) as caught:
        ledger.receive("one_more", 0, MODEL_SAMPLES, LINE_SAMPLES)
    assert (caught.value.needed, caught.value.free) == (1, 0)
    assert ledger.unheard() == before
    assert ledger.received_samples == PlaybackLedger.MAX_PARTS * LINE_SAMPLES


def test_a_part_that_was_announced_goes_when_it_ends_without_audio() -> None:
    ledger = PlaybackLedger(8_000)
    ledger.announce("item_1", 0)
    ledger.announce("item_2", 0)
    ledger.announce("item_3", 0)
    assert not ledger.is_finished
    ledger.finish_item("item_2")
    assert [part.item_id for part in ledger.unheard()] == ["item_1", "item_3"]
    ledger.finish_all()
    assert ledger.unheard() == []
    assert ledger.is_finished


def test_what_it_gives_can_be_compared_hashed_and_printed_but_not_changed() -> None:
    def cut() -> Unheard:
        return ledger_that_received("item_1").unheard()[0]

    assert cut() == cut()
    assert hash(cut()) == hash(cut())
    assert cut() != ledger_that_received("item_2").unheard()[0]
    assert cut() != "item_1"
    assert repr(cut()) == (
        "Unheard(item_id='item_1', content_index=0, heard_ms=0, received_ms=400, start=0, cut=Delete())"
    )
    with pytest.raises(AttributeError):
        setattr(cut(), "heard_ms", 1)


@dataclass
class Player:
    """A carrier that plays 8,000 samples a second and echoes marks when it reaches them."""

    sent: int = 0
    played: int = 0

    def advance(self, samples: int) -> None:
        self.played = min(self.sent, self.played + samples)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["receive", "send", "wait", "echo", "finish", "clear"]),
        st.integers(0, 4_000),
    ),
    max_size=80,
)


@given(steps=STEPS)
def test_no_more_counts_as_heard_than_was_played(steps: list[tuple[str, int]]) -> None:
    """Whichever marks are echoed, in whatever order, after whatever was cleared."""
    ledger = PlaybackLedger(24_000)
    player, now = Player(), 0.0
    marks: list[str] = []
    received: dict[str, int] = {}
    told: list[Heard] = []
    for number, (step, samples) in enumerate(steps):
        item = f"item_{samples % 5}"
        match step:
            case "receive":
                try:
                    ledger.receive(item, 0, 3 * samples, samples)
                    received[item] = received.get(item, 0) + samples
                except QueueFullError:
                    assert len(ledger.unheard()) > 0
            case "send":
                ledger.send(samples, now)
                player.sent = ledger.sent_samples
                marks.append(ledger.mark())
            case "wait":
                player.advance(samples)
                now += samples / 8_000
            case "echo" if marks:
                ledger.handle_mark(marks[number % len(marks)], now)
            case "finish":
                ledger.finish_item(item)
            case "clear":
                ledger.clear()
                player = Player(ledger.sent_samples, ledger.sent_samples)
                received.clear()
            case _:
                pass
        while heard := ledger.pop_heard():
            told.append(heard)
        grace = 160 + player.played // 1_000 + 1
        assert ledger.heard_samples <= min(ledger.sent_samples, player.played + grace)
        assert ledger.sent_samples <= ledger.received_samples
        for part in ledger.unheard():
            assert part.heard_ms <= part.received_ms <= received[part.item_id] // 8
            if isinstance(part.cut, TruncateAt):
                assert part.cut.audio_end_ms == part.heard_ms


@pytest.mark.parametrize(
    ("heard_ms", "expected"),
    [
        (0, ""),
        (500, "one"),
        (540, "one two"),
        (999, "one two"),
        (1_000, "one two three"),
        (9_999, "one two three"),
    ],
)
def test_the_heard_share_of_a_text_ends_with_a_whole_word(heard_ms: int, expected: str) -> None:
    assert heard_text("one two three", heard_ms, 1_000) == expected


@given(text=st.text(), heard_ms=st.integers(0, 2**64 - 1), total_ms=st.integers(0, 2**64 - 1))
def test_what_was_heard_of_a_text_is_its_beginning(text: str, heard_ms: int, total_ms: int) -> None:
    heard = heard_text(text, heard_ms, total_ms)
    assert text.startswith(heard)
    if heard_ms >= total_ms > 0:
        assert heard == text
