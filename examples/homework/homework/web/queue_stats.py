"""The queues' figures, as the page shows them."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from homework.web.services import services_of
from osnovci.queues.operations import stats

QUEUES = ("notification", "email", "schedule", "report")
FIGURES = ("waiting", "active", "completed", "failed")


async def queue_stats(asked: Request) -> Response:
    """Give the figures of every queue at one moment."""
    found = await services_of(asked).queues.run(stats(*QUEUES))
    shown = {name: {each: getattr(found[name], each) for each in FIGURES} for name in QUEUES}
    return JSONResponse({"stats": shown})


ROUTES = [Route("/api/queue-stats", queue_stats, methods=["GET"])]
