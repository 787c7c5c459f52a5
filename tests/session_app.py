"""A web application with sessions for tests, as a team would write it."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from osnovci.limits.limit import Limit
from osnovci.sessions.middleware import Sessions
from osnovci.sessions.visit import SCOPE, Handed, Visit
from osnovci.web.limits import WebLimits
from osnovci.web.runtime import WebRuntime


def visit(request: HTTPConnection) -> Visit:
    return request.scope[SCOPE]


def handed(found: Handed | None) -> Response:
    if not found:
        return JSONResponse({"error": "log in"}, 401)
    return JSONResponse({"session": found.session_token, "refresh": found.refresh_token})


async def public(_: Request) -> Response:
    return JSONResponse({"public": True}, headers={"cache-control": "public, max-age=60"})


async def me(request: Request) -> Response:
    session = visit(request).session
    return JSONResponse(session.model_dump(mode="json") if session else None)


async def log_in(request: Request) -> Response:
    asked: dict[str, Any] = await request.json()
    user = asked["user"]
    role, remember = asked.get("role", "student"), asked.get("remember", False)
    return handed(
        await visit(request).log_in(user, email=f"{user}@example.com", role=role, remember=remember)
    )


async def promote(request: Request) -> Response:
    return handed(await visit(request).rotate(role="teacher"))


async def refresh(request: Request) -> Response:
    asked: dict[str, Any] = await request.json()
    return handed(await visit(request).refresh(asked["refresh"]))


async def log_out(request: Request) -> Response:
    await visit(request).log_out()
    return JSONResponse({})


async def log_out_everywhere(request: Request) -> Response:
    stay = request.query_params.get("stay") == "yes"
    return JSONResponse({"ended": await visit(request).log_out_everywhere(stay_here=stay)})


async def devices(request: Request) -> Response:
    own = visit(request)
    return JSONResponse(
        [
            {
                "handle": each.handle,
                "type": each.login.device_type,
                "live": each.session is not None,
                "here": own.is_here(each),
            }
            for each in await own.devices()
        ]
    )


async def end_device(request: Request) -> Response:
    return JSONResponse({"ended": await visit(request).end_device(request.path_params["handle"])})


async def echo(websocket: WebSocket) -> None:
    session = visit(websocket).session
    await websocket.accept()
    await websocket.send_text(session.user_id if session else "nobody")
    await websocket.close()


limits = WebLimits(budget_seconds=2)


@limits.limited(Limit("exports", max=2, window_ms=60_000))
async def export(_: Request) -> Response:
    return JSONResponse({})


starlette = Starlette(
    routes=[
        Route("/public", public),
        Route("/me", me),
        Route("/export", export),
        Route("/login", log_in, methods=["POST"]),
        Route("/promote", promote, methods=["POST"]),
        Route("/refresh", refresh, methods=["POST"]),
        Route("/logout", log_out, methods=["POST"]),
        Route("/logout-everywhere", log_out_everywhere, methods=["POST"]),
        Route("/devices", devices),
        Route("/devices/{handle}", end_device, methods=["DELETE"]),
        WebSocketRoute("/echo", echo),
    ]
)
# The machine of the tests is busy: a slow answer is not what they are about.
app = WebRuntime(
    starlette,
    sessions=Sessions(plain_http=True, budget_seconds=2),
    limits=limits,
)
