"""Rate limits of a web pod from outside, on a real Redis."""

import os
import re
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from limited_app import EXPORTS
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis_server import RedisServer
from waiting import eventually
from web_pods import APP, RunningPod, StartPod, app_document, environment
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from workers import NAMESPACE

from osnovci.app_contract import AppDocument, config_key
from osnovci.config.publish import publish
from osnovci.limit_contract import (
    RESETS,
    FailureMode,
    LimitDocument,
    LimiterState,
    MatchDocument,
    Mode,
    Per,
    PolicyDocument,
    denials_key,
    top_key,
)
from osnovci.limits.client import AsyncLimits
from osnovci.limits.limit import Limit

APP_UNDER_LIMITS = "limited_app:app"


def limit(name: str = "api", *, max: int = 2, **told: Any) -> LimitDocument:  # noqa: A002  # its name
    return LimitDocument(name=name, max=max, window_ms=60_000, **told)


def policy(*limits: LimitDocument, name: str = "limits", **told: Any) -> PolicyDocument:
    return PolicyDocument(name=name, limits=limits, **told)


def under(*policies: PolicyDocument, **told: Any) -> AppDocument:
    return app_document(policies=policies, **told)


def statuses(pod: RunningPod, count: int, path: str = "/", **headers: str) -> list[int]:
    return [pod.get(path, **headers).status for _ in range(count)]


def test_a_denied_request_is_told_when_to_come_again(start_pod: StartPod) -> None:
    pod = start_pod(under(policy(limit(), limit("global", max=9))), app=APP_UNDER_LIMITS)
    fine = pod.get("/")
    assert fine.status == 200
    assert fine.headers["x-ratelimit-limit"] == "2"
    assert fine.headers["x-ratelimit-remaining"] == "1"
    assert fine.headers["ratelimit-policy"] == '"api";q=2;w=60, "global";q=9;w=60'
    left = re.fullmatch(r'"api";r=1;t=(\d+)', fine.headers["ratelimit"])
    assert left
    assert 0 < int(left[1]) <= 60
    pod.get("/")
    denied = pod.get("/")
    assert denied.status == 429
    wait = int(denied.headers["retry-after"])
    assert 0 < wait <= 60
    again = denied.json["error"].removeprefix("too many requests: at most 2 in 1m; try again in ")
    assert again in {"1m", f"{wait}s"}
    reset = datetime.fromisoformat(denied.json["reset"])
    assert timedelta() < reset - datetime.now(UTC) <= timedelta(minutes=1)
    assert denied.headers["x-ratelimit-remaining"] == "0"
    assert denied.headers["x-server-id"] == "web-1"


def test_no_policy_costs_and_tells_nothing(start_pod: StartPod, redis: Redis) -> None:
    pod = start_pod(app=APP_UNDER_LIMITS)
    assert not any("ratelimit" in name for name in pod.get("/").headers)
    assert redis.keys("*limit:*") == []
    assert pod.reports(lambda _: True).limiter is None


def test_pods_share_their_limits_and_a_denied_request_is_charged_nowhere(
    start_pod: StartPod,
) -> None:
    told = under(policy(limit("global", max=5), limit(match=(MatchDocument(path="/api"),))))
    one = start_pod(told, pod="web-1", app=APP_UNDER_LIMITS)
    other = start_pod(told, pod="web-2", app=APP_UNDER_LIMITS)
    assert [each.get("/api/x").status for each in (one, other, one, other)] == [200, 200, 429, 429]
    assert statuses(other, 4) == [200, 200, 200, 429]


def test_users_are_limited_by_name_and_others_by_address(start_pod: StartPod) -> None:
    pod = start_pod(under(policy(limit(per=Per.USER))), app=APP_UNDER_LIMITS)
    assert statuses(pod, 3, x_user="ana") == [200, 200, 429]
    assert statuses(pod, 3, x_user="boris") == [200, 200, 429]
    assert statuses(pod, 3) == [200, 200, 429]


def test_addresses_are_believed_from_trusted_proxies_only(start_pod: StartPod) -> None:
    told = under(policy(limit(), exempt=("198.51.100.0/24",)), trusted_proxies=("127.0.0.0/8",))
    pod = start_pod(told, app=APP_UNDER_LIMITS)
    assert statuses(pod, 3, x_forwarded_for="6.6.6.6, 203.0.113.7") == [200, 200, 429]
    assert statuses(pod, 3, x_forwarded_for="203.0.113.8") == [200, 200, 429]
    assert statuses(pod, 3, x_forwarded_for="203.0.113.8, 198.51.100.1") == [200, 200, 200]


def test_a_tried_policy_denies_nothing_and_is_counted(start_pod: StartPod, redis: Redis) -> None:
    pod = start_pod(
        under(policy(limit(max=1), name="new", mode=Mode.DRY_RUN), policy(limit())),
        app=APP_UNDER_LIMITS,
    )
    assert statuses(pod, 4) == [200, 200, 429, 429]
    counted = {b"limits/denied": b"2", b"new/wouldDeny": b"1"}
    eventually(lambda: redis.hgetall(denials_key(NAMESPACE, APP)) == counted)
    top: Any = redis.zrange(top_key(NAMESPACE, APP, "limits"), 0, -1, withscores=True)
    assert top == [(b"api 127.0.0.1", 2.0)]


async def test_a_change_is_in_force_without_a_restart(
    start_pod: StartPod, client: AsyncRedis
) -> None:
    pod = start_pod(under(policy(limit(max=1))), app=APP_UNDER_LIMITS)
    assert statuses(pod, 2) == [200, 429]
    revision = await publish(client, NAMESPACE, under(policy(limit(max=3))))
    eventually(lambda: pod.revision == revision)
    assert statuses(pod, 3) == [200, 200, 429]
    revision = await publish(client, NAMESPACE, under())
    eventually(lambda: pod.revision == revision)
    assert statuses(pod, 3) == [200, 200, 200]


async def test_a_document_that_cannot_be_is_refused_and_the_last_one_holds(
    start_pod: StartPod, client: AsyncRedis
) -> None:
    pod = start_pod(under(policy(limit(max=1))), app=APP_UNDER_LIMITS)
    spoiled = under(policy(limit())).model_copy(update={"trusted_proxies": ("everyone",)})
    await publish(client, NAMESPACE, spoiled)
    refused = pod.reports(lambda beat: beat.refused).refused
    assert refused
    assert refused.error.startswith("trusted_proxies.0: ")
    assert statuses(pod, 2) == [200, 429]


async def test_a_reset_reaches_who_remembers_the_denial(
    start_pod: StartPod, client: AsyncRedis, redis: Redis
) -> None:
    pod = start_pod(under(policy(limit(max=1))), app=APP_UNDER_LIMITS)
    assert statuses(pod, 2) == [200, 429]
    of = Limit("api", 1, 60_000, policy="limits")
    assert await AsyncLimits(client, NAMESPACE, APP).reset(of, "127.0.0.1")
    redis.hincrby(config_key(NAMESPACE, APP), RESETS)
    pod.answers("/", 200)


def test_limits_of_the_application_itself(start_pod: StartPod, redis: Redis) -> None:
    pod = start_pod(app=APP_UNDER_LIMITS)
    assert statuses(pod, 3, "/export") == [200, 200, 429]
    assert pod.get("/export").headers["ratelimit-policy"] == '"exports";q=2;w=60'
    assert statuses(pod, 3, "/report") == [200, 200, 429]
    # What goes well is no failure, and ends none.
    well = "/login?password=right"
    assert statuses(pod, 4, well) == [200] * 4
    assert statuses(pod, 2, "/login") == [401, 401]
    assert statuses(pod, 4, well) == [200] * 4
    assert statuses(pod, 3, "/login") == [401, 429, 429]
    key = EXPORTS.window(NAMESPACE, APP, "127.0.0.1").key
    assert redis.exists(key)


def test_one_sees_ones_own_limits_and_an_admin_all(start_pod: StartPod) -> None:
    pod = start_pod(under(policy(limit(per=Per.USER), limit("global"))), app=APP_UNDER_LIMITS)
    pod.get("/", x_user="ana")
    path = "/api/rate-limit-status"
    found = pod.get(f"{path}?userId=ana", x_user="ana").json
    assert found["userId"] == "ana"
    [api] = found["limits"]
    assert (api["limit"], api["max"], api["window"], api["remaining"]) == ("api", 2, "1m", 0)
    assert datetime.fromisoformat(api["reset"]) > datetime.now(UTC)
    pod = start_pod(
        under(policy(limit("own", per=Per.USER, max=50))), pod="web-2", app=APP_UNDER_LIMITS
    )
    assert pod.get(path).status == 401
    assert pod.get(f"{path}?userId=ana", x_user="boris").status == 403
    assert pod.get(f"{path}?userId=ana", x_user="boris", x_role="admin").json["userId"] == "ana"
    assert pod.get(path, x_user="boris").json["limits"][0]["remaining"] == 47


def test_a_websocket_is_a_request_too(start_pod: StartPod) -> None:
    pod = start_pod(under(policy(limit(max=1))), app=APP_UNDER_LIMITS)
    with connect(f"ws://127.0.0.1:{pod.port}/echo") as socket:
        socket.send("hello")
        assert socket.recv() == "hello"
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{pod.port}/echo")
    assert refused.value.response.status_code == 429


@pytest.fixture
def pod_of_own_redis(own_redis_server: RedisServer, tmp_path: Path) -> Any:
    closed = limit(
        "auth", max=9, match=(MatchDocument(path="/api"),), failure_mode=FailureMode.CLOSED
    )
    told = environment(own_redis_server.url, under(policy(limit(), closed)), "web-1")
    log = tmp_path / "web-1.log"
    pod = RunningPod.start(own_redis_server.client, log, told, APP_UNDER_LIMITS)
    yield pod.wait_for("/api/ready")
    pod.close()


def test_redis_gone_and_back(pod_of_own_redis: RunningPod, own_redis_server: RedisServer) -> None:
    pod = pod_of_own_redis
    assert pod.get("/").status == 200
    own_redis_server.stop()
    assert statuses(pod, 3) == [200, 200, 429]
    shut = pod.get("/api/x")
    assert (shut.status, shut.headers["retry-after"]) == (503, "1")
    assert "limit auth lets none through uncounted" in shut.json["error"]
    own_redis_server.start()

    def is_counted_again() -> bool:
        return pod.get("/api/y").status != 503

    eventually(is_counted_again)
    assert pod.reports(lambda beat: beat.limiter == LimiterState.REDIS)


def test_redis_paused_is_told_and_passes(
    pod_of_own_redis: RunningPod, own_redis_server: RedisServer
) -> None:
    pod = pod_of_own_redis
    pid = own_redis_server.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        assert statuses(pod, 3) == [200, 200, 429]
        assert pod.get("/api/x").status == 503
    finally:
        os.kill(pid, signal.SIGCONT)

    told = "rate limits are counted in Redis again"
    eventually(lambda: pod.get("/api/x") and told in pod.log.read_text())
    assert "Redis cannot be asked for rate limits" in pod.log.read_text()


def test_a_redis_that_refuses_is_reported(
    pod_of_own_redis: RunningPod, own_redis_server: RedisServer
) -> None:
    pod, redis = pod_of_own_redis, own_redis_server.client
    redis.execute_command("ACL", "SETUSER", "default", "-eval", "-evalsha")

    def tells(state: LimiterState) -> bool:
        pod.get("/api/x")
        beat = pod.heartbeat()
        return beat is not None and beat.limiter == state

    eventually(lambda: tells(LimiterState.FALLBACK))
    redis.execute_command("ACL", "SETUSER", "default", "+eval", "+evalsha")
    eventually(lambda: tells(LimiterState.REDIS))
