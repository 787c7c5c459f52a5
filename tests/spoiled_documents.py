"""Config documents that nobody meant: what a hypothesis test puts into Redis for a pod that runs."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st
from web_pods import app_document

from osnovci.limit_contract import (
    FailureMode,
    LimitDocument,
    MatchDocument,
    Mode,
    Per,
    PolicyDocument,
)


def limit(name: str, most: int, **told: Any) -> LimitDocument:
    return LimitDocument(name=name, max=most, window_ms=60_000, **told)


LOGIN = MatchDocument(path="/login", methods=("POST",))
GOOD = app_document(
    trusted_proxies=("10.0.0.0/8",),
    policies=(
        PolicyDocument(
            name="limits",
            exempt=("192.0.2.0/24", "2001:db8::/32"),
            limits=(
                limit("log", 100_000_000, per=Per.USER),
                limit("exact", 100_000, exact=True, match=(LOGIN,)),
                limit("closed", 128, failure_mode=FailureMode.CLOSED, match=(LOGIN,)),
            ),
        ),
        PolicyDocument(name="tried", mode=Mode.DRY_RUN, limits=(limit("log", 5),)),
    ),
).model_dump(mode="json")


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the way to everything in a document."""
    if path:
        yield path
    if isinstance(node, dict | list):
        parts: Any = node.items() if isinstance(node, dict) else enumerate(node)
        for name, each in parts:
            yield from places(each, (*path, name))


PLACES = list(places(GOOD))
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**31, 2**53, 2**63, 2**64, 10**18, 10**40, -(10**40)]),
    st.floats(),
    st.sampled_from([1e-9, 0.5, 1e18, 1e300]),
    st.text(max_size=40),
    st.sampled_from(["", "\0", "\r\nx: y", "ä\u202e🦊", "x" * 5_000, "1", "Open", "0.0.0.0/0", "::/0", "/%"]),
)  # fmt: skip
GARBAGE = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
CHANGE = st.tuples(
    st.sampled_from(PLACES), st.sampled_from(["put", "remove", "wrap", "more", "twice"]), GARBAGE
)
SPOILED = st.sampled_from(
    [
        b"",
        b"\0",
        b"\xff\xfe",
        b"null",
        b"[" * 30_000,
        b'{"app":' * 5_000,
        b"NaN",
        b'"\\ud800"',
        b"{}",
    ]
)
# A byte that goes, or comes, somewhere in the text.
SLIP = st.none() | st.tuples(st.floats(0, 1), st.integers(0, 2), st.binary(max_size=2))


def changed(changes: list[tuple[tuple[Any, ...], str, Any]]) -> Any:
    found: Any = json.loads(json.dumps(GOOD))
    for path, how, garbage in changes:
        node = found
        try:
            for name in path[:-1]:
                node = node[name]
            at = path[-1]
            match how:
                case "put":
                    node[at] = garbage
                case "remove":
                    del node[at]
                case "wrap":
                    node[at] = [node[at]]
                case "more":
                    node[at]["more"] = garbage
                case _:
                    node[at] = node[at] * 2
        except (KeyError, IndexError, TypeError, AttributeError, MemoryError, OverflowError):
            continue  # another change took it away, or it is nothing of which there is more
    return found


def with_value(value: Any, *path: Any) -> bytes:
    return json.dumps(changed([(path, "put", value)])).encode()


KNOWN_WORST = [
    with_value(1e300, "sessions", "ttl_seconds"),
    with_value(1e300, "sessions", "refresh_ttl_seconds"),
    with_value(1e-300, "sessions", "ttl_seconds"),
    with_value(10**40, "sessions", "max_per_user"),
    with_value(10**40, "database", "connections_per_process"),
    with_value(1e300, "shutdown", "drain_seconds"),
    with_value(10**40, "health", "max_in_flight"),
    with_value("tried\r\nx: y", "policies", 1, "name"),
    with_value("пријава", "policies", 1, "name"),
    with_value("/\ud800", "policies", 0, "limits", 1, "match", 0, "path"),
    with_value([GOOD["policies"][0]] * 40, "policies"),
    with_value([GOOD["policies"][0]["limits"][0]] * 400, "policies", 0, "limits"),
]


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    if draw(st.integers(0, 9)) == 0:
        return draw(SPOILED)
    text = json.dumps(changed(draw(st.lists(CHANGE, min_size=1, max_size=3)))).encode()
    if slip := draw(SLIP) if draw(st.integers(0, 4)) == 0 else None:
        share, gone, come = slip
        at = int(share * len(text))
        text = text[:at] + come + text[at + gone :]
    return text
