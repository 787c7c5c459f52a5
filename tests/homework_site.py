"""The homework example for tests: its web application, a worker and a mailbox, as real processes."""

import json
import socketserver
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from browsers import Browser
from homework.accounts import demo_password
from postgres_server import PostgresServer
from redis import Redis
from redis.exceptions import RedisError
from session_builders import SESSION_KEYS
from waiting import eventually
from web_pods import RunningPod, app_document
from web_pods import environment as web_environment
from workers import EXAMPLE, RunningWorker, end, pool_document, queue_document
from workers import environment as worker_environment

from osnovci.app_contract import AppDocument
from osnovci.session_contract import ENV_SESSION_KEYS
from osnovci.web.reply import UNAVAILABLE, UNREAD

ANSWERS = {b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}
QUEUES = ("notification", "email", "schedule", "report")


@dataclass
class Mailbox:
    """An SMTP server that keeps what it is sent."""

    port: int = 0
    mails: list[str] = field(default_factory=list[str])

    @contextmanager
    def open(self) -> Generator["Mailbox"]:
        kept = self.mails

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 tests\r\n")
                for line in self.rfile:
                    self.wfile.write(ANSWERS.get(line.strip().upper(), b"250 ok\r\n"))
                    if line.strip().upper() == b"DATA":
                        lines = iter(self.rfile.readline, b".\r\n")
                        kept.append(b"".join(lines).decode())
                        self.wfile.write(b"250 ok\r\n")

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
            self.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            yield self
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class Site:
    """The web application, and what stands behind it."""

    pod: RunningPod
    mailbox: Mailbox
    redis: Redis
    database: PostgresServer
    cookies: dict[str, str] = field(default_factory=dict[str, str])
    """The session's, by the name of who has logged in."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.pod.port}"

    def ask(
        self, method: str, path: str, body: object = None, by: str | None = "student-1"
    ) -> tuple[int, Any]:
        """Send a body, JSON unless it is bytes, as somebody; give the status and what was answered.

        Where only a busy machine kept Redis from its answer, ask again.
        """

        def answered() -> tuple[int, Any] | None:
            found = self._ask(method, path, body, by)
            return None if found == (UNAVAILABLE, UNREAD) and self._redis_answers() else found

        return eventually(answered)

    def _redis_answers(self) -> bool:
        try:
            return bool(self.redis.ping())
        except RedisError:
            return False

    def _ask(self, method: str, path: str, body: object, by: str | None) -> tuple[int, Any]:
        content = body if isinstance(body, bytes) else json.dumps(body)
        headers = {"Cookie": self.cookie(by)} if by else {}
        connection = HTTPConnection("127.0.0.1", self.pod.port, timeout=10)
        try:
            connection.request(method, path, None if body is None else content, headers)
            answer = connection.getresponse()
            found = answer.read()
        finally:
            connection.close()
        is_json = answer.headers["content-type"] == "application/json"
        return answer.status, json.loads(found) if is_json else found

    def cookie(self, name: str) -> str:
        """Log in, once for all tests that share the site."""
        if name not in self.cookies:
            browser = Browser(self.pod.port)

            def is_in() -> bool:
                # A machine that is busy may take longer than a request waits for Redis.
                browser.post("/api/auth/login", {"name": name, "password": demo_password(name)})
                return browser.status == 200

            eventually(is_in)
            self.cookies[name] = f"session={browser.cookies['session']}"
        return self.cookies[name]


@contextmanager
def site(
    redis: Redis,
    redis_url: str,
    database: PostgresServer,
    folder: Path,
    document: AppDocument | None = None,
) -> Generator[Site]:
    """Serve the example for the time of the block, with no worker yet and nothing in Redis."""
    # The config of an app that others had there would be in force.
    redis.flushall()
    told = web_environment(redis_url, document or app_document(), "homework-1")
    told |= {
        "DATABASE_URL": database.url,
        "PYTHONPATH": str(EXAMPLE),
        ENV_SESSION_KEYS: SESSION_KEYS,
    }
    pod = RunningPod.start(redis, folder / "homework.log", told, "homework.web.app:app")
    try:
        pod.wait_for("/api/ready")
        with Mailbox().open() as mailbox:
            served = Site(pod, mailbox, redis, database)
            eventually(lambda: database.sql("SELECT to_regclass('account') IS NOT NULL") == "t")
            yield served
    finally:
        pod.close()


@contextmanager
def working(site: Site, redis_url: str, folder: Path) -> Generator[RunningWorker]:
    """Run a worker on all queues of the example."""
    document = pool_document(*(queue_document(name) for name in QUEUES))
    told = worker_environment(redis_url, document) | {
        "DATABASE_URL": site.database.url,
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(site.mailbox.port),
    }
    worker = RunningWorker.begin(site.redis, told, folder / "worker.log")
    try:
        yield worker
    finally:
        end(worker)
