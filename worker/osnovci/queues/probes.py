"""The worker's HTTP side: `/alive` and `/ready`, for the kubelet."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

Check = Callable[[], str]
"""Gives the reason why not, or nothing."""


def serve(port: int, checks: dict[str, Check]) -> ThreadingHTTPServer:
    """Answer each path by its check, in a thread, until `shutdown`."""

    class Handler(BaseHTTPRequestHandler):
        """200 where the check finds nothing, 503 with its reason, 404 elsewhere."""

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

    server = ThreadingHTTPServer(("0.0.0.0", port), Handler)  # noqa: S104
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True, name="probes").start()
    return server
