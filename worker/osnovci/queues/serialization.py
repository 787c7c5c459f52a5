"""How a job's data is read: as JSON or as pickle, whichever it was enqueued with.

Pickle is what plain rq enqueues by default, and whoever may write pickles to Redis runs code in the
workers. Enqueue with `serializer="json"` where that matters.
"""

from typing import Any

from rq.serializers import DefaultSerializer, JSONSerializer, Serializer

JSON_BEGINS = (b"[", b"{")
"""rq's data is a list and its meta an object; a pickle begins with the byte 0x80."""


class EitherSerializer:
    """Reads both; writes pickle, as rq's default does, until it is known what a job uses."""

    @staticmethod
    def dumps(value: Any, /) -> bytes:
        """Write as rq does by default."""
        return DefaultSerializer.dumps(value)

    @staticmethod
    def loads(data: bytes, /) -> Any:
        """Read by the first byte."""
        return serializer_of(data).loads(data)


def serializer_of(data: bytes) -> type[DefaultSerializer | JSONSerializer]:
    """Give rq's serializer that wrote this."""
    return JSONSerializer if data.startswith(JSON_BEGINS) else DefaultSerializer


assert isinstance(EitherSerializer, Serializer)
