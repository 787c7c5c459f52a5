"""A web server behind a balancer, as a process: tells who answered and what arrived."""

import http.server
import json
import subprocess
import sys
import threading
from http.client import HTTPConnection
from pathlib import Path

from waiting import eventually


class Upstream:
    """A process that answers on an address of the loopback."""

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self._port = port
        command = [sys.executable, str(Path(__file__)), address, str(port)]
        self._process = subprocess.Popen(command)
        eventually(self._answers)

    def get(self, path: str) -> int:
        """Ask it itself; give the status."""
        connection = HTTPConnection(self.address, self._port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            return self.get("/") == 200
        except OSError:
            return False


class Answer(http.server.BaseHTTPRequestHandler):
    """Answers everything; /wait when somebody asks for /open, /teapot with 418."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    """An answer is one write: who is killed between two leaves half an answer, which nobody can mend."""

    gate = threading.Event()
    waiting = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/open":
            self.gate.set()
        if self.path == "/wait":
            self.waiting.set()
            self.gate.wait()
        if self.path == "/waiting":
            self.waiting.wait()
        self._tell()

    def do_POST(self) -> None:
        self._tell()

    def _tell(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = {
            "server": sys.argv[1],
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": len(sent),
        }
        body = json.dumps(told).encode()
        self.send_response(418 if self.path == "/teapot" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002  # its name there
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


if __name__ == "__main__":
    Server((sys.argv[1], int(sys.argv[2])), Answer).serve_forever()
