"""The words of ASGI, and a JSON answer in them."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Give the headers of a request by their names, in one turn, as this is on every request's way."""
    sent = scope["headers"]
    found: dict[bytes, bytes] = dict(sent)
    if len(found) < len(sent):
        # HTTP/2 may send several cookies, and a way through proxies several addresses.
        for name, between in ((b"cookie", b";"), (b"x-forwarded-for", b",")):
            found[name] = between.join(told for each, told in sent if each == name)
    return found


async def answer(
    send: Send, status: int, body: Mapping[str, Any], headers: Sequence[Header] = ()
) -> None:
    """Send a whole answer."""
    content = json.dumps(body).encode()
    own = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": content})
