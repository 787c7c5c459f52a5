"""The operator's HTTP side: /healthz, /readyz and /metrics."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import generate_latest

STUCK_SECONDS = 60.0
"""A reconcile that runs this long will not end by itself: the process is better started anew."""


async def serve(
    port: int, stuck_seconds: Callable[[], float], ready: Callable[[], bool]
) -> web.AppRunner:
    """Answer probes and scrapes; the runner's `cleanup` ends it."""

    async def healthz(_: web.Request) -> web.Response:
        stuck = stuck_seconds()
        if stuck < STUCK_SECONDS:
            return web.Response(text="ok\n")
        return web.Response(status=503, text=f"no progress for {stuck:.0f}s\n")

    async def readyz(_: web.Request) -> web.Response:
        if ready():
            return web.Response(text="ok\n")
        return web.Response(status=503, text="the first list of objects is not complete\n")

    async def metrics(_: web.Request) -> web.Response:
        text = generate_latest().decode()
        return web.Response(text=text, content_type="text/plain", charset="utf-8")

    app = web.Application()
    app.add_routes(
        [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104
    return runner
