"""What a job carries: a function's name and plain arguments, as rq keeps them.

Jobs of Osnovci and of rq's JSONSerializer are JSON. Jobs of plain rq are pickles: they are read by
an unpickler that can build plain data and a few value types, and refuses every other name, so that
reading never runs code (docs/decisions/0010-pickled-jobs.md).
"""

import base64
import io
import json
import pickle  # noqa: TID251  # only through PlainUnpickler, which resolves no name but VALUE_TYPES
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from osnovci.queues.errors import PayloadError

MAX_BYTES = 128 * 1024
"""Of arguments, and of a result: larger things belong into a store, and their names into the job."""

VALUE_TYPES = {
    ("datetime", "datetime"), ("datetime", "date"), ("datetime", "time"),
    ("datetime", "timedelta"), ("datetime", "timezone"), ("decimal", "Decimal"), ("uuid", "UUID"),
}  # fmt: skip
STRICT = json.JSONEncoder(allow_nan=False)
"""Kept: json.dumps would make one for each call."""

ERROR_MAX_CHARACTERS = 16 * 1024
UNSERIALIZABLE = "Unserializable return value"


class Format(StrEnum):
    """How a job's data is written."""

    JSON = "json"
    PICKLE = "pickle"


@dataclass(frozen=True)
class Payload:
    """What to call."""

    function: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    format: Format = Format.JSON


class PlainUnpickler(pickle.Unpickler):
    """Reads plain data; a pickle that names anything else is refused before it is looked up."""

    def find_class(self, module: str, name: str) -> Any:
        """Resolve only the value types."""
        if (module, name) in VALUE_TYPES:
            return super().find_class(module, name)
        raise PayloadError(
            f"its arguments contain a {module}.{name}; pickled jobs may carry only plain data:"
            " pass ids, strings, numbers, lists and dicts"
        )


def encode(function: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
    """Write a payload; raises PayloadError where it is not JSON, or too large."""
    try:
        data = STRICT.encode([function, None, args, kwargs]).encode()
    except (TypeError, ValueError) as error:
        raise PayloadError(f"{function}: the arguments are not JSON: {error}") from error
    return _bounded(data, f"{function}: the arguments")


def decode(data: bytes) -> Payload:
    """Read a payload; raises PayloadError with a sentence for people where it may not run."""
    raw = _decompress(data)
    kind = Format.PICKLE if raw[:1] == b"\x80" else Format.JSON
    try:
        parts = PlainUnpickler(io.BytesIO(raw)).load() if kind is Format.PICKLE else json.loads(raw)
        function, instance, args, kwargs = parts
    except PayloadError:
        raise
    except Exception as error:
        raise PayloadError(f"its data cannot be read as {kind}: {error}") from error
    if instance is not None or not isinstance(function, str):
        raise PayloadError(
            "it does not name a function of a module: methods of objects are not run"
        )
    if not isinstance(args, list | tuple) or not isinstance(kwargs, dict):
        raise PayloadError("its arguments are not a list and an object of named ones")
    return Payload(function, tuple(args), kwargs, kind)


def encode_result(value: Any, kind: Format) -> str | None:
    """Write a result as rq's results hold it; None for none."""
    if value is None:
        return None
    try:
        data = json.dumps(value).encode() if kind is Format.JSON else pickle.dumps(value)
        return base64.b64encode(_bounded(data, "the result")).decode()
    except Exception:  # noqa: BLE001  # as rq: a result that cannot be kept does not fail the job
        return encode_result(UNSERIALIZABLE, kind)


def decode_result(text: bytes) -> Any:
    """Read a result; raises PayloadError for a pickled one that is no plain data, and what is none."""
    try:
        data = base64.b64decode(text)
        return PlainUnpickler(io.BytesIO(data)).load() if data[:1] == b"\x80" else json.loads(data)
    except PayloadError:
        raise
    except Exception as error:
        raise PayloadError(f"the result cannot be read: {error}") from error


def encode_error(text: str) -> str:
    """Write a traceback or a story as rq's results hold it."""
    end = text[-ERROR_MAX_CHARACTERS:]
    return base64.b64encode(zlib.compress(end.encode("utf-8", "replace"))).decode()


def decode_error(text: bytes) -> str:
    """Read a traceback or a story; what cannot be read is told in its place."""
    try:
        return _decompress(base64.b64decode(text)).decode(errors="backslashreplace")
    except (PayloadError, ValueError) as error:
        return f"What was noted of it cannot be read: {error}"


def _decompress(data: bytes) -> bytes:
    """Undo rq's compression, never beyond the largest size; rq itself allows plain text here."""
    if data[:1] != b"\x78":
        return _bounded(data, "its data")
    try:
        raw = zlib.decompressobj().decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise PayloadError(f"its data cannot be read as zlib: {error}") from error
    return _bounded(raw, "its data")


def _bounded(data: bytes, what: str) -> bytes:
    if len(data) > MAX_BYTES:
        raise PayloadError(
            f"{what} are larger than {MAX_BYTES // 1024} KiB: store the data and pass its name"
        )
    return data
