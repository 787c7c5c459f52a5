"""The answer to a visit: its cookies, and the 503 where a session was needed and Redis was away."""

from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING

from osnovci.web.asgi import Header, Message, Send, answer

if TYPE_CHECKING:
    from osnovci.sessions.visit import Visit

SERVER_ERROR = 500
UNAVAILABLE = 503
BODY = {"error": "sessions cannot be read now; try again in a second"}
TRY_AGAIN_LATER = 1013
CACHE_CONTROL = b"cache-control"


class Reply:
    """Stands between the application and the server's `send`."""

    def __init__(self, visit: "Visit", send: Send) -> None:
        self._visit = visit
        self._send = send
        self._begun = False
        self._replaced = False

    # No coroutine of its own where nothing is to be done: what the server's gives is awaited.
    def tell(self, message: Message) -> Awaitable[None]:
        """Send a message of the application's."""
        if self._replaced:
            return _nothing()
        if message["type"] == "http.response.start":
            # A framework makes a 500 of any error before it gives it on.
            if self._visit.asked_in_vain and message["status"] >= SERVER_ERROR:
                self._replaced = True
                return self._answer()
            if self._visit.cookies:
                message = {**message, "headers": self._with_cookies(message.get("headers", ()))}
        self._begun = True
        return self._send(message)

    def _with_cookies(self, headers: Iterable[Header]) -> list[Header]:
        """Set the cookies; the answer is this visitor's alone, whatever the route says of its body."""
        others = (each for each in headers if each[0].lower() != CACHE_CONTROL)
        return [*others, *self._visit.cookies, (CACHE_CONTROL, b"no-store")]

    async def unavailable(self, kind: str) -> bool:
        """Answer what could not be served for want of Redis; False where an answer has begun."""
        if self._replaced:
            return True
        if self._begun:
            return False
        self._replaced = True
        if kind == "websocket":
            await self._send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
        else:
            await self._answer()
        return True

    async def _answer(self) -> None:
        await answer(self._send, UNAVAILABLE, BODY, [(b"retry-after", b"1")])


async def _nothing() -> None:
    """Be awaited."""
