"""The answer to a request on its way to the server.

It gets headers and the cookies of its visit; or it is a 503, where a session was needed and Redis was away.
"""

from collections.abc import Awaitable, Iterable, Sequence
from typing import TYPE_CHECKING

from osnovci.web.asgi import Header, Message, Send, answer
from osnovci.web.replica import Replica

if TYPE_CHECKING:
    from osnovci.sessions.visit import Visit

SERVER_ERROR = 500
UNAVAILABLE = 503
UNREAD = {"error": "sessions cannot be read now; try again in a second"}
TRY_AGAIN_LATER = 1013
CACHE_CONTROL = b"cache-control"


class Reply:
    """Stands between the application and the server's `send`, alone for all that the runtime does there."""

    status = SERVER_ERROR
    """Until the application says another."""
    visit: "Visit | None" = None
    _has_begun = False
    _is_replaced = False

    def __init__(self, send: Send, replica: Replica) -> None:
        self._send = send
        self._replica = replica
        self.headers: Sequence[Header] = ()
        """What limits tell."""

    # No coroutine of its own where nothing is to be done: what the server's gives is awaited.
    def tell(self, message: Message) -> Awaitable[None]:
        """Send a message of the application's."""
        if self._is_replaced:
            return _nothing()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own, visit = message.get("headers", ()), self.visit
            if visit:
                # A framework makes a 500 of any error before it gives it on.
                if visit.asked_in_vain and self.status >= SERVER_ERROR:
                    return self._replace()
                if visit.cookies:
                    own = _with_cookies(own, visit.cookies)
            # An application may send the same message to others.
            message = {**message, "headers": [*own, *self._replica.headers, *self.headers]}
        self._has_begun = True
        return self._send(message)

    async def unavailable(self, kind: str) -> bool:
        """Answer what could not be served for want of Redis; False where an answer has begun."""
        if self._is_replaced:
            return True
        if self._has_begun:
            return False
        if kind == "websocket":
            self._is_replaced = True
            await self._send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
        else:
            await self._replace()
        return True

    async def _replace(self) -> None:
        self._is_replaced, self.status = True, UNAVAILABLE
        told = [(b"retry-after", b"1"), *self._replica.headers, *self.headers]
        await answer(self._send, UNAVAILABLE, UNREAD, told)


def _with_cookies(
    headers: Iterable[Sequence[bytes]], cookies: Iterable[Header]
) -> list[Sequence[bytes]]:
    """Set the cookies; the answer is this visitor's alone, whatever the route says of its body."""
    others = (each for each in headers if each[0].lower() != CACHE_CONTROL)
    return [*others, *cookies, (CACHE_CONTROL, b"no-store")]


async def _nothing() -> None:
    """Be awaited."""
