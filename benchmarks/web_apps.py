"""The application that is served bare, with the runtime around it, and with all that the runtime has."""

import os
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from osnovci.session_contract import ENV_SESSION_KEYS
from osnovci.sessions.middleware import Sessions
from osnovci.web.runtime import WebRuntime

if TYPE_CHECKING:
    from starlette.requests import Request


async def homework(_: "Request") -> Response:
    return JSONResponse({"homework": [{"id": 1, "title": "Fractions", "due": "2026-09-01"}]})


bare = Starlette(routes=[Route("/api/homework", homework)])
if "OSNOVCI_APP_DOCUMENT" in os.environ:
    wrapped = WebRuntime(bare)
if ENV_SESSION_KEYS in os.environ:
    full = WebRuntime(bare, sessions=Sessions(plain_http=True))
