"""What becomes of a request that limits were asked about: it goes on, or this is its answer."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from osnovci.limits import fields
from osnovci.limits.guard import LimiterAwayError
from osnovci.limits.limit import Decision
from osnovci.web.asgi import Header, Receive, Scope, Send, answer

TOO_MANY = 429
UNAVAILABLE = 503
POLICY_VIOLATION = 1008
"""The code with which a WebSocket is refused where its server cannot send an answer."""


@dataclass(frozen=True)
class Refusal:
    """The answer in place of the application's; an ASGI application itself."""

    status: int
    body: Mapping[str, Any]
    headers: Sequence[Header]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        if scope["type"] == "http":
            await answer(send, self.status, self.body, self.headers)
            return
        await receive()
        if "websocket.http.response" in scope.get("extensions", {}):

            async def as_websocket(message: Any) -> None:
                await send({**message, "type": f"websocket.{message['type']}"})

            await answer(as_websocket, self.status, self.body, self.headers)
        else:
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})


class Verdict(NamedTuple):
    """The header fields of the answer, and the answer itself where the application gives none."""

    headers: Sequence[Header] = ()
    refusal: Refusal | None = None
    charged: Decision | None = None
    """What `WebLimits.refund` takes back."""


PASSED = Verdict()


def verdict(decision: Decision) -> Verdict:
    """Say what a decision means to a request."""
    now = time.time()
    told = fields.headers(decision, now)
    if decision.allowed:
        return Verdict(told, charged=decision)
    return Verdict(refusal=Refusal(TOO_MANY, fields.body(decision, now), told))


def closed(error: LimiterAwayError) -> Verdict:
    """Say what it means that nothing can be counted."""
    wait = fields.retry_after(error.retry_ms)
    return Verdict(refusal=Refusal(UNAVAILABLE, {"error": str(error)}, [wait]))
