"""The page: files as they are, without a build step, and nothing from another host."""

from importlib.resources import files

from starlette.responses import Response
from starlette.routing import Route

HEADERS = {
    # Old and new pods serve side by side during a rollout: a browser asks whether it has the newest.
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
FILES = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/account.js": ("account.js", "text/javascript"),
    "/server.js": ("server.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


def _file(name: str, media_type: str) -> Response:
    content = files("homework.web").joinpath("page", name).read_bytes()
    return Response(content, media_type=media_type, headers=HEADERS)


ROUTES = [Route(path, _file(*file), methods=["GET"]) for path, file in FILES.items()]
