"""The applications that web_overhead serves: one and the same, bare and with the runtime around it."""

import os
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from osnovci.web.runtime import WebRuntime

if TYPE_CHECKING:
    from starlette.requests import Request


async def homework(_: "Request") -> Response:
    return JSONResponse({"homework": [{"id": 1, "title": "Fractions", "due": "2026-09-01"}]})


bare = Starlette(routes=[Route("/api/homework", homework)])
if "OSNOVCI_APP_DOCUMENT" in os.environ:
    wrapped = WebRuntime(bare)
