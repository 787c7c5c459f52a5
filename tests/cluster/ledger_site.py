"""The ledger of `in_pods`, its workers, and people who make entries all the time and count them."""

import asyncio
import http.client
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
import yaml
from pools import TestPool
from programs import serving
from redis import Redis
from waiting import eventually
from web_apps import NAMESPACE, TestApp

from cluster.console import ClusterError
from cluster.kubectl import kubectl
from osnovci.queues.audit import audit
from osnovci.queues.client import Queues

URL = "postgresql://homework:homework@127.0.0.1:15432/homework"
NAME = "ledger"
PEOPLE = 3
PATIENCE_SECONDS = 30.0
"""Longer than a request waits for PostgreSQL at most: 10 s for a connection, 10 s for a statement."""

EVERY_SECONDS = 0.05

RECOVERY_SECONDS = 240.0
OF_THE_APP = {"Ready", "Progressing", "ConfigEnforced", "DatabaseBudget", "ScalingActive"}
OF_THE_POOL = {"Ready", "BackendReachable", "JobsAccounted", "ScalingActive"}
EXPECTED = Counter([*OF_THE_APP, *OF_THE_POOL])
"""Conditions that are True where all is well, by how many of the two have them."""


def sql(statement: str) -> list[Any]:
    """Run a statement on the cluster's PostgreSQL; give its rows."""

    async def run() -> list[Any]:
        connection = await asyncpg.connect(URL)
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


@dataclass
class Answers:
    """What people were answered, by what they asked for: a status, or the name of an error."""

    add: Counter[str] = field(default_factory=Counter[str])
    """Where PostgreSQL and Redis are needed."""
    count: Counter[str] = field(default_factory=Counter[str])
    """Where PostgreSQL is needed."""
    plain: Counter[str] = field(default_factory=Counter[str])
    """Where nothing is."""


@dataclass
class Site:
    """The application and its pool on the cluster."""

    app: TestApp
    pool: TestPool
    address: str = ""
    accepted: set[str] = field(default_factory=set[str])
    """Entries that were answered by 201."""
    _answers: Answers = field(default_factory=Answers)
    _one: threading.Lock = field(default_factory=threading.Lock)

    def deploy(self) -> None:
        """Bring up the app and its workers, with nothing in the ledger."""
        sql("DROP TABLE IF EXISTS test_ledger")
        sql("CREATE TABLE test_ledger (id text PRIMARY KEY)")
        with redis() as client:
            client.delete(NAME)
        scaling = {"minReplicas": 1, "maxReplicas": 2}
        manifest = yaml.safe_dump(self.pool.manifest(scaling=scaling))
        kubectl("apply", "--server-side", "-f", "-", stdin=manifest)
        self.app.apply(
            pod=serving("ledger", memory="160Mi", LEDGER=NAME, QUEUE=self.pool.queue),
            scaling={"minReplicas": 2, "maxReplicas": 3},
            database={"maxConnections": 60, "reservedConnections": 20, "connectionsPerProcess": 4},
            shutdown={"drain": "1s", "grace": "10s"},
        )
        self.app.wait("Progressing", "RolledOut")
        self.address = self.app.get("service")["spec"]["clusterIP"]

    def delete(self) -> None:
        for kind, name in (("oapp", self.app.name), ("qpool", self.pool.name)):
            kubectl("-n", NAMESPACE, "delete", kind, name, "--ignore-not-found", "--wait=false")

    def ask(self, method: str, path: str) -> tuple[str, bytes]:
        """Ask through the Service; give the status, or the name of an error, and the body."""
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return str(answer.status), answer.read()
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__, b""
        finally:
            connection.close()

    @contextmanager
    def people(self) -> Generator[None]:
        """Have people ask until the end of the block."""
        ended = threading.Event()

        def ask() -> None:
            while not ended.wait(EVERY_SECONDS):
                self._ask_all()

        threads = [threading.Thread(target=ask) for _ in range(PEOPLE)]
        for each in threads:
            each.start()
        try:
            yield
        finally:
            ended.set()
            for each in threads:
                each.join()

    def answers(self) -> Answers:
        """Give the answers since this was asked last."""
        with self._one:
            given, self._answers = self._answers, Answers()
        return given

    def told(self, what: str, answer: str) -> bool:
        """Whether anybody was answered so since this was asked last; `what` is a field of Answers."""
        with self._one:
            return bool(getattr(self._answers, what)[answer])

    def is_well(self) -> bool:
        """Assert that every condition says so and everybody is answered."""
        try:
            conditions = [*self.app.get()["status"]["conditions"], *self.pool.conditions().values()]
        except ClusterError as error:  # The API server was away itself.
            raise AssertionError(str(error)) from error
        told = Counter(each["type"] for each in conditions if each["status"] == "True")
        assert told & EXPECTED == EXPECTED, conditions
        assert self._ask_all() == "201"
        return True

    def done(self) -> set[str]:
        """Give the entries whose job has run."""
        with redis() as client:
            return {str(each) for each in client.lrange(NAME, 0, -1)}

    def account(self) -> None:
        """Assert that each accepted entry is kept, and each job completed."""
        accepted = set(self.accepted)
        entered = {row["id"] for row in sql("SELECT id FROM test_ledger")}
        assert not accepted - entered
        eventually(lambda: accepted <= self.done(), within=RECOVERY_SECONDS)
        with redis() as client:
            report = audit(Queues(client, NAMESPACE), mend=False)
        # Other tests may have left jobs in queues whose pools are deleted.
        found = (*report.findings, *report.freed)
        assert [each for each in found if each.queue == self.pool.queue] == []
        assert self.pool.queue not in report.broken

    def _ask_all(self) -> str:
        """Ask once for each; give what was said of a new entry."""
        entry = uuid4().hex
        added, _ = self.ask("POST", f"/entries/{entry}")
        counted, _ = self.ask("GET", "/entries")
        plain, _ = self.ask("GET", "/")
        with self._one:
            if added == "201":
                self.accepted.add(entry)
            self._answers.add[added] += 1
            self._answers.count[counted] += 1
            self._answers.plain[plain] += 1
        return added


def redis() -> Redis:
    """Give a client of the cluster's Redis; one does not outlive its restart."""
    return Redis(port=16379, decode_responses=True)
