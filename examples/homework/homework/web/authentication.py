"""Logging in and out, and the list of one's devices: all below /api/auth/.

What ends something is a DELETE: the limit `auth` counts POSTs, and nobody is kept from logging out.
"""

import asyncio
import json
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from homework.accounts import is_right
from homework.notifications import CHANNEL
from homework.pupils import email_of
from homework.web.bodies import Credentials, read
from homework.web.services import Services, services_of
from homework.web.who import UNAUTHORIZED, session_of, visit_of
from osnovci.limit_contract import FailureMode
from osnovci.limits.limit import Limit
from osnovci.session_contract import SessionDocument
from osnovci.sessions.operations import Device
from osnovci.sessions.visit import Visit
from osnovci.web.asgi import App

FAILURES = Limit("failed-log-ins", max=10, window_ms=900_000, failure_mode=FailureMode.CLOSED)
"""Of one account, from wherever. More than the 5 that `auth` lets one address try: so nobody keeps
others out from a single address."""

HASHES_AT_ONCE = 2
"""Each takes 19 MiB, and a core while it lasts."""

LOWER_PRIORITY = 10
ACCOUNT = "SELECT role, password_hash FROM account WHERE name = $1"
log = logging.getLogger(__name__)


def _let_answers_go_first() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWER_PRIORITY)


hashing = ThreadPoolExecutor(HASHES_AT_ONCE, "hashing", _let_answers_go_first)


async def log_in(asked: Request) -> Response | App:
    """Begin a session under a new id."""
    given = await read(asked, Credentials)
    services = services_of(asked)
    # Charged before it is known to fail, or many at once would all be tried.
    verdict = await services.limits.verdict(FAILURES, given.name)
    if verdict.refusal:
        return verdict.refusal
    role = await _role(services, given)
    if role is None:
        raise HTTPException(UNAUTHORIZED, "the name or the password is wrong")
    # Whatever becomes of the session: the password was right.
    await services.limits.refund(verdict.charged)
    begun = await visit_of(asked).log_in(
        given.name, email=email_of(given.name), role=role, remember=given.remember
    )
    return JSONResponse({"user": _user(begun.session)})


async def me(asked: Request) -> Response:
    """Tell who is logged in, if anybody is."""
    session = visit_of(asked).session
    return JSONResponse({"user": _user(session) if session else None})


async def log_out(asked: Request) -> Response:
    """End this session, if it is one."""
    visit = visit_of(asked)
    session = visit.session
    await visit.log_out()
    if session:
        await _have_sockets_look(asked, session)
    return JSONResponse({})


async def log_out_everywhere(asked: Request) -> Response:
    """End all sessions of the user; with `?stay=here` all but this one."""
    session = session_of(asked)
    stay_here = asked.query_params.get("stay") == "here"
    ended = await visit_of(asked).log_out_everywhere(stay_here=stay_here)
    await _have_sockets_look(asked, session)
    return JSONResponse({"ended": ended})


async def devices(asked: Request) -> Response:
    """List where the user is logged in, the latest activity first."""
    session_of(asked)
    visit = visit_of(asked)
    return JSONResponse({"devices": [_device(visit, each) for each in await visit.devices()]})


async def end_device(asked: Request) -> Response:
    """End one login of the user."""
    session = session_of(asked)
    if not await visit_of(asked).end_device(asked.path_params["handle"]):
        raise HTTPException(404, "you are logged in there no longer")
    await _have_sockets_look(asked, session)
    return JSONResponse({})


async def _role(services: Services, given: Credentials) -> str | None:
    """Give the role of who has this name and password; None where there is nobody."""
    async with services.database.connection() as connection:
        row = await connection.fetchrow(ACCOUNT, given.name)
    kept = row["password_hash"] if row else None
    loop = asyncio.get_running_loop()
    right = await loop.run_in_executor(hashing, is_right, given.password, kept)
    return row["role"] if row and right else None


async def _have_sockets_look(asked: Request, session: SessionDocument) -> None:
    """Have the user's sockets look whether their sessions live; else they do at the next news."""
    try:
        await services_of(asked).redis.publish(CHANNEL, json.dumps([session.user_id]))
    except RedisError as error:
        log.warning("sockets of ended sessions are open until their next news: %s", error)


def _user(session: SessionDocument) -> dict[str, str]:
    return {"id": session.user_id, "email": session.email, "role": session.role}


def _device(visit: Visit, device: Device) -> dict[str, Any]:
    login, session = device.login, device.session
    return {
        "handle": device.handle,
        "here": visit.is_here(device),
        "type": login.device_type,
        "agent": login.user_agent,
        "address": login.ip_address,
        "last_activity": session and _moment(session.last_activity_ms),
        "remembered": session is None or bool(session.family),
    }


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


ROUTES = [
    Route("/api/auth/login", log_in, methods=["POST"]),
    Route("/api/auth/me", me, methods=["GET"]),
    Route("/api/auth/session", log_out, methods=["DELETE"]),
    Route("/api/auth/sessions", log_out_everywhere, methods=["DELETE"]),
    Route("/api/auth/devices", devices, methods=["GET"]),
    Route("/api/auth/devices/{handle}", end_device, methods=["DELETE"]),
]
