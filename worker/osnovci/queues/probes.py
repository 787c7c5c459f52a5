"""The worker's HTTP side: `/alive` and `/ready`, for the kubelet.

Answered between two turns of the supervisor's own loop, so an answer proves that it makes progress.
"""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import Any

from osnovci.errors import SettingsError

Check = Callable[[], str]
"""Gives the reason why not, or nothing."""

CLIENT_SECONDS = 1.0
"""How long a client that sends nothing may hold up the loop."""


class Server(TCPServer):
    """HTTPServer without its look-up of the host's name, which waits long where DNS is away."""

    allow_reuse_address = True
    timeout = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Make nothing of a client that went away: the kubelet asks again."""


def listen(port: int, checks: dict[str, Check]) -> Server:
    """Listen; the caller waits for the server's file and calls `handle_request`.

    Raises SettingsError where the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        """200 where the check finds nothing, 503 with its reason, 404 elsewhere."""

        timeout = CLIENT_SECONDS

        def do_GET(self) -> None:
            """Answer one probe."""
            check = checks.get(self.path)
            reason = check() if check else f"no such path; there are {', '.join(checks)}"
            status = (503 if check else 404) if reason else 200
            body = f"{reason or 'ok'}\n".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep probes out of the log."""

    try:
        return Server(("0.0.0.0", port), Handler)  # noqa: S104
    except OSError as error:
        raise SettingsError(f"probe port {port}: {error}; --probe-port chooses another") from error
