"""A web application with rate limits for tests: users by a header, and a limit of its own."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from osnovci.limits.limit import Limit
from osnovci.web.asgi import App
from osnovci.web.limits import User, WebLimits
from osnovci.web.runtime import WebRuntime

EXPORTS = Limit("exports", max=2, window_ms=60_000)
REPORTS = Limit("reports", max=2, window_ms=60_000)
FAILURES = Limit("failed-logins", max=3, window_ms=60_000)


def identify(scope: Any) -> User | None:
    """Believe the header; sessions do it better."""
    told = dict(scope["headers"])
    user = told.get(b"x-user", b"").decode()
    return User(user, told.get(b"x-role", b"").decode()) if user else None


# The machine of the tests is busy: a slow answer is not what they are about.
limits = WebLimits(identify, budget_seconds=2)


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello")


@limits.limited(EXPORTS)
async def export(_: Request) -> Response:
    return PlainTextResponse("exported")


@limits.limited(REPORTS)
def report(_: Request) -> Response:
    """Be a function of the kind that Starlette runs in a thread."""
    return PlainTextResponse("reported")


async def login(request: Request) -> Response | App:
    """Fail without the right password, unless it has failed too often."""
    verdict = await limits.verdict(FAILURES, limits.client_of(request.scope))
    if verdict.refusal:
        return verdict.refusal
    if request.query_params.get("password") != "right":
        return JSONResponse({"error": "wrong password"}, 401)
    await limits.refund(verdict.charged)
    return PlainTextResponse("in")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


app = WebRuntime(
    Starlette(
        routes=[
            Route("/", hello),
            Route("/export", export),
            Route("/report", report),
            Route("/login", login),
            Route("/api/{rest:path}", hello, methods=["GET", "POST"]),
            WebSocketRoute("/echo", echo),
        ]
    ),
    limits=limits,
)
