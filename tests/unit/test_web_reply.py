"""An application may keep what it sends, and send it to the next visitor too."""

import asyncio

from session_builders import SESSION_KEYS

from osnovci.contract import ENV_REDIS_URL
from osnovci.session_contract import ENV_SESSION_KEYS
from osnovci.sessions.middleware import Sessions
from osnovci.sessions.settings import SessionSettings
from osnovci.settings import AppSettings
from osnovci.web.asgi import Header, Message
from osnovci.web.replica import Replica
from osnovci.web.reply import Reply

COOKIE = (b"set-cookie", b"__Host-session=ana's")
SETTINGS = SessionSettings.parse(
    {ENV_REDIS_URL: "redis://127.0.0.1:1/0", ENV_SESSION_KEYS: SESSION_KEYS}
)


async def _sent(reply: Reply, message: Message, to: list[Message]) -> list[Header]:
    await reply.tell(message)
    return to[-1]["headers"]


def test_what_one_visitor_is_told_reaches_no_other() -> None:
    sessions = Sessions(settings=SETTINGS)
    replica = Replica(AppSettings.parse({}, "host"), None, 0.0)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    kept: Message = {"type": "http.response.start", "status": 200, "headers": [(b"etag", b"1")]}
    anas, anybodys = Reply(send, replica), Reply(send, replica)
    anas.visit = sessions.visit({"type": "http", "headers": []})
    anas.visit.cookies = [COOKIE]
    assert COOKIE in asyncio.run(_sent(anas, kept, sent))
    assert kept["headers"] == [(b"etag", b"1")]
    assert asyncio.run(_sent(anybodys, kept, sent)) == [(b"etag", b"1"), *replica.headers]


def test_a_header_may_be_a_list() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    reply = Reply(send, Replica(AppSettings.parse({}, "host"), None, 0.0))
    reply.visit = Sessions(settings=SETTINGS).visit({"type": "http", "headers": []})
    reply.visit.cookies = [COOKIE]
    of_asgi: Message = {
        "type": "http.response.start",
        "status": 200,
        "headers": [[b"etag", b"1"], [b"Cache-Control", b"max-age=9"]],
    }
    told = [tuple(header) for header in asyncio.run(_sent(reply, of_asgi, sent))]
    assert {(b"etag", b"1"), COOKIE, (b"cache-control", b"no-store")} <= set(told)
    assert (b"Cache-Control", b"max-age=9") not in told
