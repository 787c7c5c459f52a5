"""Config documents that nobody meant, put into Redis for a pod that runs: it runs them, or says why not."""

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import pytest
from browsers import Browser
from hypothesis import HealthCheck, assume, example, given, settings
from redis import Redis
from redis_server import RedisServer
from session_builders import SESSION_KEYS
from spoiled_documents import GOOD, KNOWN_WORST, limit, texts
from waiting import eventually
from web_pods import APP, RunningPod, app_document, environment
from workers import NAMESPACE

from osnovci.app_contract import AppDocument, SessionsDocument, checksum, config_key
from osnovci.config.revision import Config, ConfigError
from osnovci.limit_contract import (
    LimitDocument,
    LimiterState,
    PolicyDocument,
)
from osnovci.session_contract import ENV_SESSION_KEYS, sessions_root

KEY = config_key(NAMESPACE, APP)
ROOT = sessions_root(NAMESPACE, APP)


def document(*limits: LimitDocument, ttl: float = 3600, connections: int = 10) -> AppDocument:
    policies = (PolicyDocument(name="limits", limits=limits),) if limits else ()
    return app_document(connections=connections, policies=policies).model_copy(
        update={"sessions": SessionsDocument(ttl_seconds=ttl)}
    )


@pytest.fixture(scope="module")
def pod(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningPod]:
    redis_server.client.flushall()
    told = environment(redis_server.url, app_document(), "web-1") | {ENV_SESSION_KEYS: SESSION_KEYS}
    log = tmp_path_factory.mktemp("pod") / "log"
    running = RunningPod.start(redis_server.client, log, told, "fuzzed_app:app")
    try:
        yield running.wait_for("/api/ready")
    finally:
        running.close()


class Channel:
    """What is published to the pod, and what it says of it."""

    def __init__(self, redis: Redis, pod: RunningPod) -> None:
        self._redis, self._pod = redis, pod
        beat = eventually(pod.heartbeat)
        self.number = max(beat.config_revision, beat.refused.revision if beat.refused else 0)

    def put(self, text: bytes) -> int:
        """Put a document under the next revision."""
        self.number += 1
        told = checksum(text.decode(errors="replace"))
        fields: dict[Any, Any] = {"revision": self.number, "checksum": told, "document": text}
        self._redis.hset(KEY, mapping=fields)
        self._redis.publish(KEY, self.number)
        return self.number

    def put_in_force(self, told: AppDocument) -> None:
        number = self.put(told.model_dump_json().encode())
        eventually(lambda: self._pod.revision == number)

    def refused(self, number: int) -> str:
        """Give why a revision is not in force, if it was refused."""
        beat = self._pod.heartbeat()
        return (
            beat.refused.error if beat and beat.refused and beat.refused.revision == number else ""
        )


@pytest.fixture
def channel(redis: Redis, pod: RunningPod) -> Channel:
    return Channel(redis, pod)


def runs(text: bytes) -> bool:
    """Whether the contract has such a document of this app."""
    try:
        return Config.of(text.decode(errors="replace")).document.app == APP
    except ConfigError:
        return False


def concerns_the_pool(text: bytes) -> bool:
    """Whether the application's own pool waits for ever for its size, or refuses it (fuzzed_app.py)."""
    database = Config.of(text.decode(errors="replace")).document.database
    return database is not None and database.connections_per_process in {1, 13}


def check_requests(pod: RunningPod) -> None:
    """See that requests are served, limited or shed by the document, and no request breaks by it."""
    browser = Browser(pod.port)
    for ask in (browser.log_in, lambda: browser.get("/me"), lambda: browser.get("/public")):
        told = ask()
        assert browser.status in {200, 429, 503}, (browser.status, told)
        if browser.status == 503:
            # shed by the document's own figures
            assert "memory is nearly full" in told["error"]


def with_examples(worst: list[bytes]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Have each of these tried in any case."""
    return lambda test: reduce(lambda found, text: example(text=text)(found), worst, test)


def test_a_pod_runs_it_or_says_why_not(pod: RunningPod, channel: Channel) -> None:
    good = channel.number

    @with_examples(KNOWN_WORST)
    @settings(
        max_examples=150,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(text=texts())
    def meets(text: bytes) -> None:
        nonlocal good
        is_one = runs(text)
        assume(not (is_one and concerns_the_pool(text)))
        number = channel.put(text)
        if is_one:
            eventually(lambda: pod.revision == number)
            assert not channel.refused(number)
            good = number
        else:
            eventually(lambda: channel.refused(number))
            assert pod.revision == good
        assert pod.process.poll() is None
        assert pod.get("/api/alive").status == 200
        check_requests(pod)
        beat = pod.heartbeat()
        assert beat
        assert beat.limiter is not LimiterState.FALLBACK

    channel.put_in_force(AppDocument.model_validate(GOOD))
    good = channel.number
    meets()
    channel.put_in_force(app_document())
    assert "Traceback" not in pod.log.read_text()


OLD = document(limit("old", 100_000), limit("old-too", 100_000), ttl=3600)
NEW = document(limit("new", 200_000), limit("new-too", 200_000), ttl=7200)


def in_force(browser: Browser, redis: Redis) -> tuple[str, bool]:
    """Tell which limits a request met, and whether its session was renewed for more than an hour."""
    browser.get("/me")
    [key] = redis.scan_iter(f"{ROOT}session:*")
    seconds: Any = redis.ttl(key)
    return browser.headers["ratelimit-policy"], seconds > 3600


def with_old_in_force(
    redis: Redis, pod: RunningPod, channel: Channel
) -> tuple[int, Browser, tuple[str, bool]]:
    """Log somebody in under OLD; give its number, who logged in, and what is in force."""
    channel.put_in_force(OLD)
    browser = Browser(pod.port)
    browser.log_in()
    return channel.number, browser, in_force(browser, redis)


def test_a_document_is_swapped_as_a_whole(redis: Redis, pod: RunningPod, channel: Channel) -> None:
    _, browser, old = with_old_in_force(redis, pod, channel)
    channel.put_in_force(NEW)
    new = in_force(browser, redis)
    assert [("old-too" in old[0], old[1]), ("new-too" in new[0], new[1])] == [
        (True, False),
        (True, True),
    ]
    for each in (OLD, NEW, OLD, NEW):
        number = channel.put(each.model_dump_json().encode())
        while pod.revision != number:
            assert in_force(browser, redis) in {old, new}


def test_limits_and_sessions_do_not_wait_for_a_pool(
    redis: Redis, pod: RunningPod, channel: Channel
) -> None:
    before, browser, old = with_old_in_force(redis, pod, channel)
    shrinking = NEW.model_copy(update={"database": document(connections=1).database})
    channel.put(shrinking.model_dump_json().encode())
    eventually(lambda: in_force(browser, redis) != old)
    assert in_force(browser, redis)[1]
    assert pod.revision == before


def test_what_the_pool_refuses_leaves_nothing_behind(
    redis: Redis, pod: RunningPod, channel: Channel
) -> None:
    before, browser, old = with_old_in_force(redis, pod, channel)
    refused = NEW.model_copy(update={"database": document(connections=13).database})
    number = channel.put(refused.model_dump_json().encode())
    assert "bring bad luck" in eventually(lambda: channel.refused(number))
    assert (pod.revision, in_force(browser, redis)) == (before, old)
