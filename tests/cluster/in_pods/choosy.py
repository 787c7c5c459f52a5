"""A web application that does not take every config."""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from osnovci.app_contract import AppDocument
from osnovci.web.runtime import WebRuntime

REFUSED = 13


async def hello(_: Request) -> Response:
    """Say who answers, and of which version that is."""
    return PlainTextResponse(f"{os.environ['SERVER_ID']} {os.environ['VERSION']}")


async def configure(document: AppDocument) -> None:
    """Take every document but one."""
    if document.health.max_in_flight == REFUSED:
        raise ValueError(f"{REFUSED} requests at a time bring bad luck")


app = WebRuntime(Starlette(routes=[Route("/", hello)]), configure=configure)
