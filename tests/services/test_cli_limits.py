"""`osnovci limits` on a real Redis."""

import pytest
from commands import Ended, osnovci
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis_server import RedisServer
from web_pods import APP, app_document
from workers import NAMESPACE

from osnovci.app_contract import config_key
from osnovci.config.publish import publish
from osnovci.limit_contract import (
    RESETS,
    LimitDocument,
    MatchDocument,
    Mode,
    Per,
    PolicyDocument,
    denials_key,
    top_key,
)
from osnovci.limits.client import Limits
from osnovci.limits.limit import Limit

POLICIES = (
    PolicyDocument(
        name="limits",
        limits=(
            LimitDocument(name="global", max=9, window_ms=900_000),
            LimitDocument(
                name="api",
                max=2,
                window_ms=60_000,
                per=Per.USER,
                match=(MatchDocument(path="/api"),),
            ),
        ),
    ),
    PolicyDocument(
        name="new", mode=Mode.DRY_RUN, limits=(LimitDocument(name="all", max=1, window_ms=1000),)
    ),
)


@pytest.fixture(autouse=True)
async def published(redis: Redis, client: AsyncRedis) -> None:
    assert redis
    await publish(client, NAMESPACE, app_document(policies=POLICIES))


def run(server: RedisServer, *arguments: str) -> Ended:
    return osnovci("limits", *arguments, "--redis", server.url, "-n", NAMESPACE)


def test_status_and_top(redis_server: RedisServer, redis: Redis) -> None:
    redis.hset(denials_key(NAMESPACE, APP), mapping={"limits/denied": 7, "new/wouldDeny": 3})
    redis.zadd(top_key(NAMESPACE, APP, "limits"), {"api user ana": 5, "global 203.0.113.7": 2})
    lines = run(redis_server, "status", f"app/{APP}").stdout.splitlines()
    assert lines[1].split() == ["limits", "global", "9", "15m", "IP", "Enforce", "7"]
    assert lines[3].split() == ["new", "all", "1", "1s", "IP", "DryRun", "3"]
    lines = run(redis_server, "top", APP).stdout.splitlines()
    assert [line.split()[-1] for line in lines[1:]] == ["5", "2"]


def test_what_a_request_would_meet_and_a_reset(redis_server: RedisServer, redis: Redis) -> None:
    api = Limit("api", 2, 60_000, policy="limits")
    Limits(redis, NAMESPACE, APP).check(api, "user ana", cost=2)
    asked = "test", APP, "/api/x", "--user", "ana", "--ip", "203.0.113.7"
    denied = run(redis_server, *asked)
    assert denied.returncode == 1
    assert "denies for" in denied.stdout
    assert "9 of 9" in denied.stdout
    fine = run(redis_server, "test", APP, "/", "--ip", "203.0.113.7")
    assert (fine.returncode, fine.stdout.count("lets through")) == (0, 2)
    assert run(redis_server, "reset", APP, "--user", "ana").stdout.startswith("1 windows reset")
    assert redis.hget(config_key(NAMESPACE, APP), RESETS) == b"1"
    assert run(redis_server, *asked).returncode == 0


@pytest.mark.parametrize(
    ("path", "limits"),
    [
        ("/api/x?page=2", ["all", "api", "global"]),
        ("https://osnovci.app/api/x?page=2", ["all", "api", "global"]),
        ("/api%2Fx", ["all", "api", "global"]),
        ("//api//x", ["all", "api", "global"]),
        ("/api/ready", []),
        ("/api/ready/", ["all", "api", "global"]),
    ],
)
def test_a_path_is_read_as_a_pod_reads_it(
    redis_server: RedisServer, path: str, limits: list[str]
) -> None:
    lines = run(redis_server, "test", APP, path).stdout.splitlines()
    assert sorted(line.split()[1] for line in lines[1:]) == limits
    assert (lines[0] == "it meets no limit") == (not limits)


async def test_it_is_about_the_newest_release_and_a_reset_is_told_to_all(
    redis_server: RedisServer, redis: Redis, client: AsyncRedis
) -> None:
    tried = PolicyDocument(
        name="limits", limits=(LimitDocument(name="tried", max=3, window_ms=1000),)
    )
    newer = app_document(policies=(tried,))
    for release, above in (("5d8f", 7), ("77c4", 6)):
        told = newer if release == "5d8f" else app_document(policies=POLICIES)
        await publish(client, NAMESPACE, told, above, release)
    other = newer.model_copy(update={"app": f"{APP}-2"})
    await publish(client, NAMESPACE, other, 20, "1111")
    lines = run(redis_server, "status", APP).stdout.splitlines()
    assert [line.split()[1] for line in lines[1:-1]] == ["tried"]
    assert run(redis_server, "reset", APP, "--ip", "203.0.113.7").returncode == 0
    resets = {key: redis.hget(key, RESETS) for key in redis.scan_iter("*:config:*")}
    told = {config_key(NAMESPACE, APP, release).encode() for release in ("", "5d8f", "77c4")}
    assert {key for key, count in resets.items() if count == b"1"} == told


def test_an_app_that_is_not_there(redis_server: RedisServer) -> None:
    assert "nothing is known of app" in run(redis_server, "status", "app/other").stderr
    assert "is no OsnovciApp" in run(redis_server, "status", "qpool/other").stderr
    assert "name whom" in run(redis_server, "reset", APP).stderr
    for odd in ("api/x", "http://["):
        assert f"'{odd}' is no path" in run(redis_server, "test", APP, odd).stderr
    assert "'nowhere' is no address" in run(redis_server, "reset", APP, "--ip", "nowhere").stderr
