"""Web pods for tests: an app's document by keywords, and `osnovci serve` as a real process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Protocol

from redis import Redis
from waiting import PATIENCE_SECONDS, eventually
from workers import NAMESPACE, free_port

from osnovci.app_contract import (
    ENV_APP,
    ENV_RELEASE,
    AppDocument,
    AppHeartbeat,
    DatabaseDocument,
    HealthDocument,
    SessionsDocument,
    ShutdownDocument,
    app_heartbeat_key,
)
from osnovci.contract import ENV_NAMESPACE, ENV_POD, ENV_REDIS_URL
from osnovci.limit_contract import PolicyDocument

APP = "homework"
TESTS = Path(__file__).parent


def app_document(
    *,
    processes: int = 1,
    connections: int = 10,
    max_in_flight: int = 200,
    memory_max_percent: float = 100,
    drain: float = 0.2,
    grace: float = 10,
    max_per_user: int = 0,
    trusted_proxies: tuple[str, ...] = (),
    policies: tuple[PolicyDocument, ...] = (),
) -> AppDocument:
    return AppDocument(
        app=APP,
        processes=processes,
        database=DatabaseDocument(connections_per_process=connections),
        # The machine of the tests may be nearly full: that is not what most of them are about.
        health=HealthDocument(
            max_in_flight=max_in_flight,
            memory_warn_percent=memory_max_percent,
            memory_max_percent=memory_max_percent,
        ),
        shutdown=ShutdownDocument(drain_seconds=drain, grace_seconds=grace),
        sessions=SessionsDocument(max_per_user=max_per_user),
        trusted_proxies=trusted_proxies,
        policies=policies,
    )


def environment(
    redis_url: str, document: AppDocument, pod: str, release: str = ""
) -> dict[str, str]:
    return {
        ENV_RELEASE: release,
        ENV_NAMESPACE: NAMESPACE,
        ENV_POD: pod,
        ENV_REDIS_URL: redis_url,
        ENV_APP: document.model_dump_json(),
        **alone(),
    }


def alone() -> dict[str, str]:
    """The environment of an application outside the operator's pods."""
    return {"PYTHONPATH": python_path(), "PATH": os.environ["PATH"]}


def python_path() -> str:
    """Where a process finds the tests' modules, and osnovci where this one has it."""
    return os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class RunningPod:
    """The first process of a web pod, and what can be seen of it."""

    process: subprocess.Popen[str]
    port: int
    log: Path
    name: str
    redis: Redis
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(16))

    @classmethod
    def start(
        cls,
        redis: Redis,
        log: Path,
        environment: dict[str, str],
        app: str = "web_app:app",
        server: tuple[str, ...] = ("osnovci", "serve"),
    ) -> "RunningPod":
        port = free_port()
        command = [str(Path(sys.executable).parent / server[0]), *server[1:], app]
        with log.open("w") as output:
            process = subprocess.Popen(
                [*command, "--host=127.0.0.1", f"--port={port}"],
                env=environment,
                stderr=output,
                text=True,
            )
        return cls(process, port, log, environment.get(ENV_POD, ""), redis)

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        """Ask on a connection of its own; `x_user` is the field X-User."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, headers=fields)
            response = connection.getresponse()
            # One that is sent twice comes as both, joined.
            headers = {
                name.lower(): ", ".join(response.headers.get_all(name, []))
                for name in response.headers
            }
            return Answer(response.status, headers, response.read().decode())
        finally:
            connection.close()

    def asking(self, path: str) -> "Future[Answer]":
        """Ask without waiting for the answer."""
        return self._threads.submit(self.get, path)

    def wait_for(self, path: str) -> "RunningPod":
        """Wait until the path answers well."""

        def answers() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            try:
                return self.get(path).status == 200
            except OSError:
                return False

        eventually(answers)
        return self

    def heartbeat(self, process: int = 0) -> AppHeartbeat | None:
        document: Any = self.redis.get(app_heartbeat_key(NAMESPACE, self.name, process))
        return AppHeartbeat.model_validate_json(document) if document else None

    def reports(self, what: Callable[[AppHeartbeat], object]) -> AppHeartbeat:
        """Wait for a heartbeat of which this is true."""

        def found() -> AppHeartbeat | None:
            beat = self.heartbeat()
            return beat if beat and what(beat) else None

        return eventually(found)

    def answers(self, path: str, status: int) -> Answer:
        """Wait for an answer of this status."""

        def found() -> Answer | None:
            answer = self.get(path)
            return answer if answer.status == status else None

        return eventually(found)

    @property
    def revision(self) -> int | None:
        """The revision that is in force as the heartbeat tells."""
        beat = self.heartbeat()
        return beat and beat.config_revision

    @property
    def children(self) -> list[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in listed.read_text().split()]

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def ends(self, within: float = PATIENCE_SECONDS) -> int:
        return self.process.wait(timeout=within)

    def close(self) -> None:
        if self.process.poll() is None:
            # Its children end with it.
            self.process.kill()
        self.ends()
        self._threads.shutdown()


class StartPod(Protocol):
    """The fixture `start_pod`: start a web pod, and wait until the path answers well."""

    def __call__(
        self,
        document: AppDocument | None = None,
        *,
        pod: str = "web-1",
        app: str = "web_app:app",
        path: str = "/api/ready",
        release: str = "",
    ) -> RunningPod: ...
