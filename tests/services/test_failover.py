"""A replica takes over in mid-traffic, behind one address: limits and sessions go on.

What the old primary wrote after the replica had been promoted is lost, as in every failover of Redis.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from browsers import Browser
from limits import APP, limit
from one_address import OneAddress, one_address
from redis_server import EVERY_SERVER, RedisServer
from session_builders import SESSION_KEYS
from waiting import eventually
from web_pods import RunningPod, app_document, environment
from workers import NAMESPACE

from osnovci.limit_contract import FailureMode
from osnovci.limits.client import AsyncLimits, Limits
from osnovci.limits.guard import LimiterAwayError
from osnovci.limits.limit import Limit
from osnovci.line import Line
from osnovci.session_contract import ENV_SESSION_KEYS

CLIENTS = 4


@dataclass
class Pair:
    """A primary and its replica; the address leads to the primary until it is switched."""

    primary: RedisServer
    replica: RedisServer
    address: OneAddress

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.address.port}/0"

    def replicate(self) -> None:
        """Have the replica know all that the primary does."""

        def known() -> bool:
            # WAIT looks at what its own connection wrote.
            pipeline = self.primary.client.pipeline(transaction=False)
            pipeline.set("mark", 1)
            pipeline.wait(1, 1_000)
            return pipeline.execute()[-1] == 1

        eventually(known)

    def promote(self) -> None:
        """What the primary is told from now on is lost."""
        self.replica.client.execute_command("REPLICAOF", "NO", "ONE")

    def switch(self) -> None:
        self.address.switch(self.replica.port)


@pytest.fixture(params=EVERY_SERVER)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    servers = [RedisServer(tmp_path / name, request.param) for name in ("primary", "replica")]
    for each, name in zip(servers, ("primary", "replica"), strict=True):
        (tmp_path / name).mkdir()
        each.start()
    primary, replica = servers
    replica.client.execute_command("REPLICAOF", "127.0.0.1", primary.port)
    with one_address(primary.port) as address:
        pair = Pair(primary, replica, address)
        pair.replicate()
        yield pair
    for each in servers:
        each.stop()


def used(server: RedisServer, of: Limit) -> int:
    [state] = Limits(server.client, NAMESPACE, APP).peek(of, "ana").states
    return of.max - state.remaining


FORMS = [
    limit("log", max=100, failure_mode=FailureMode.CLOSED),
    limit("ticks", max=300, failure_mode=FailureMode.CLOSED),
    limit("ring", max=300, exact=True, failure_mode=FailureMode.CLOSED),
]


@pytest.mark.parametrize("of", FORMS, ids=lambda of: of.name)
async def test_limits_go_on_and_let_through_no_more_than_was_lost(pair: Pair, of: Limit) -> None:
    line = Line(pair.url, budget_seconds=5)
    limits = AsyncLimits(line, NAMESPACE, APP)
    admitted = kept = 0

    async def client() -> None:
        nonlocal admitted, kept
        while True:
            try:
                if not (await limits.check(of, "ana")).allowed:
                    return
            except LimiterAwayError:
                # It may say so at once, and others shall have their turn.
                await asyncio.sleep(0)
                continue
            admitted += 1
            if admitted == 40:
                pair.replicate()
                pair.promote()
                kept = used(pair.replica, of)
            elif admitted == 70:
                pair.switch()

    async with asyncio.timeout(30):
        await asyncio.gather(*(client() for _ in range(CLIENTS)))
    await line.aclose()
    lost = used(pair.primary, of) - kept
    assert kept >= 40
    assert lost >= 70 - 40 - CLIENTS
    assert used(pair.replica, of) == of.max
    # What was charged as the connection was cut has been heard of by nobody.
    assert of.max + lost - 2 * CLIENTS <= admitted <= of.max + lost


def whom(browser: Browser) -> str | None:
    """Ask whom the application takes it for; `away` where it cannot tell."""
    found: Any = browser.get("/me")
    return found.get("user_id", "away") if found else None


def test_sessions_go_on_and_a_login_that_was_lost_is_made_anew(pair: Pair, tmp_path: Path) -> None:
    told = environment(pair.url, app_document(), "web-1") | {ENV_SESSION_KEYS: SESSION_KEYS}
    pod = RunningPod.start(pair.primary.client, tmp_path / "log", told, "session_app:app")
    pod.wait_for("/api/ready")
    active, remembered, late = (Browser(pod.port) for _ in range(3))
    eventually(lambda: active.log_in("ana").get("session"))
    token = eventually(lambda: remembered.log_in("boris", remember=True).get("refresh"))
    is_over = Event()

    def stay_active() -> set[str | None]:
        found: set[str | None] = set()
        while not is_over.is_set():
            found.add(whom(active))
        return found

    with closing(pod), ThreadPoolExecutor(1) as thread:
        seen = thread.submit(stay_active)
        pair.replicate()
        pair.promote()
        eventually(lambda: late.log_in("carl").get("session"))
        eventually(lambda: remembered.post("/refresh", {"refresh": token}).get("session"))
        pair.switch()
        eventually(lambda: whom(active) == "ana")
        # Its token is newer than what is known of it now, and ours.
        eventually(lambda: whom(remembered) == "boris")
        eventually(lambda: whom(late) is None)
        is_over.set()
        assert seen.result(timeout=10) <= {"ana", "away"}
        assert eventually(lambda: late.log_in("carl").get("session"))
        assert eventually(lambda: active.post("/logout-everywhere").get("ended")) == 1
        assert whom(active) is None
