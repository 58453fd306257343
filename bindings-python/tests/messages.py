"""What the tests of both codecs share: JSON as Python writes it, whole and broken."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

import trunkline

# Text that has a UTF-8 form, with what JSON must escape in it often.
TEXTS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('"\\/\n\x7f')))
IDS = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz_0123456789"), min_size=1, max_size=40)
COUNTS = st.integers(0, 2**32 - 1)

# No message has any of these where it must have something.
WRONG: list[Any] = [None, True, -1, 1.5, 10**30, "", "?", [], {}, [{}]]

EXPECTED = (
    trunkline.InvalidJsonError,
    trunkline.MissingFieldError,
    trunkline.InvalidFieldError,
    trunkline.InvalidBase64Error,
)


@st.composite
def written(draw: st.DrawFn, message: dict[str, Any]) -> str:
    """`message` in one of the ways that JSON allows: escapes, white space, order of members."""
    text = json.dumps(
        dict(draw(st.permutations(list(message.items())))),
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")])),
    )
    return text.replace("/", "\\/") if draw(st.booleans()) else text


@st.composite
def broken(draw: st.DrawFn, messages: list[str]) -> str | bytes:
    """One of `messages` cut, or with bytes or members of it replaced."""
    text = draw(st.sampled_from(messages))
    match draw(st.sampled_from(["cut", "bytes", "member", "swap"])):
        case "cut":
            return text[: draw(st.integers(0, len(text) - 1))]
        case "bytes":
            data = bytearray(text.encode())
            for _ in range(draw(st.integers(1, 4))):
                data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
            return bytes(data)
        case "swap":
            other = draw(st.sampled_from(messages))
            return (
                text[: draw(st.integers(0, len(text)))] + other[draw(st.integers(0, len(other))) :]
            )
        case _:
            message = json.loads(text)
            place: dict[str, Any] = message
            while True:
                key = draw(st.sampled_from(sorted(place)))
                if isinstance(place[key], dict) and place[key] and draw(st.booleans()):
                    place = place[key]
                    continue
                place[key] = draw(st.sampled_from(WRONG))
                return json.dumps(message)


def kind_of_failure(read: Callable[[str | bytes], object], message: str | bytes) -> str:
    """What `read` makes of a message that may be broken: an object, or an error of those promised."""
    try:
        result = read(message)
    except EXPECTED as error:
        assert str(error)
        return type(error).__name__
    assert type(result).__module__.startswith("trunkline.")
    return "read"


def is_json(message: str | bytes) -> bool:
    """Whether Python takes it for JSON, less its liberties: NaN, infinities, UTF-16."""

    def refuse(constant: str) -> object:
        raise ValueError(constant)

    try:
        text = message if isinstance(message, str) else message.decode()
        json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return True
