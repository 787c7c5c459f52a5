"""What cannot be rolled out is rolled back by itself: no request fails, and one sentence says why."""

import json
import time
from collections.abc import Callable
from typing import Any

from programs import serving
from redis import Redis
from waiting import eventually
from web_apps import BROKEN, IMPATIENT, NAMESPACE, READY_SECONDS, TestApp

from cluster.kubectl import kubectl

MakeApp = Callable[[str], TestApp]


def goes_back(web: TestApp, reason: str = "RolledBack") -> str:
    """Wait until a revision is given up; give why, and print how long that took."""
    began = time.monotonic()
    told = web.wait("Progressing", reason)["message"]
    print(f"{reason} after {time.monotonic() - began:.1f} s: {told}")
    assert web.condition("Ready")["status"] == "False"
    return told


def is_good(web: TestApp) -> None:
    """Wait until the revision that runs is one to go back to."""
    web.wait("Ready", "PodsReady")
    web.wait("Progressing", "RolledOut")
    eventually(lambda: "good-template" in json.dumps(web.get("deployment")["metadata"]))


def test_a_broken_revision_is_rolled_back_and_no_request_fails(app: MakeApp, redis: Redis) -> None:
    web = app("web-rolls")
    web.apply(health={"maxInFlight": 100})
    is_good(web)
    with web.traffic() as traffic:
        good = web.pods()
        (told,) = web.configs(redis).items()
        assert told[1]["max_in_flight"] == 100
        web.apply(program=BROKEN, health={"maxInFlight": 7}, rollout=IMPATIENT)
        eventually(lambda: len(web.configs(redis)) == 2)
        tried = web.configs(redis)
        assert tried.pop(told[0]) == told[1]
        assert [each["max_in_flight"] for each in tried.values()] == [7]
        why = goes_back(web)
        assert "did not become ready within 10s" in why
        assert "no such table: homework" in why
        eventually(lambda: web.pods() == good, within=READY_SECONDS)
        # The same revision, so nothing else was ever published to the pods that serve.
        eventually(lambda: web.configs(redis) == dict([told]))
        # A change of the count alone does not try it again.
        kubectl("-n", NAMESPACE, "scale", "oapp", web.name, "--replicas=3")
        eventually(lambda: web.get()["status"]["readyReplicas"] == 3, within=READY_SECONDS)
        assert web.wait("Ready", "RolledBack")
        assert good < web.pods()
        web.apply(pod={"image": "localhost:1/nowhere"}, rollout=IMPATIENT, replicas=3)
        assert "cannot start, ErrImage" in goes_back(web)
        web.apply(version="2", replicas=3)
        web.wait("Ready", "PodsReady")
        eventually(lambda: web.ask().split()[1] == "2")
        eventually(lambda: not good & web.pods(), within=READY_SECONDS)
    assert traffic.answered > 100
    assert traffic.failed == 0, traffic.error


def test_a_config_that_the_app_refuses_is_rolled_back_and_no_request_fails(
    app: MakeApp, redis: Redis
) -> None:
    web = app("web-refuses")

    def bring(version: str, most: int) -> None:
        pod, shutdown = serving("choosy", VERSION=version), {"drain": "12s"}
        web.apply(pod=pod, health={"maxInFlight": most}, shutdown=shutdown)

    def in_force() -> list[int]:
        return [each["max_in_flight"] for each in web.configs(redis).values()]

    bring("1", 100)
    is_good(web)
    web.wait("ConfigEnforced", "Enforced")
    good = web.pods()
    with web.traffic() as traffic:
        # The pods that run are told of it, say no, and go on with what they had.
        bring("1", 13)
        refused = "refuses the config: the application refuses it: 13 requests at a time bring"
        assert refused in goes_back(web)
        eventually(lambda: in_force() == [100])
        web.wait("ConfigEnforced", "Enforced")
        assert web.pods() == good
        # With other pods, those alone are told.
        bring("2", 13)
        assert refused in goes_back(web)
        eventually(lambda: web.pods() == good, within=READY_SECONDS)
        eventually(lambda: in_force() == [100])
        assert web.ask().split()[1] == "1"
        bring("2", 14)
        web.wait("Ready", "PodsReady")
        eventually(lambda: not good & web.pods(), within=READY_SECONDS)
        eventually(lambda: in_force() == [14])
    assert traffic.answered > 100
    assert traffic.failed == 0, traffic.error


def test_a_migration_runs_once_before_a_revision_and_stops_it_where_it_fails(
    app: MakeApp, redis: Redis
) -> None:
    web, key = app("web-migrates"), "web-migrates:runs"
    redis.delete(key)

    def migration(ending: str) -> dict[str, Any]:
        """Count the run, and end so."""
        program = (
            "import os, redis;"
            f"redis.Redis.from_url(os.environ['OSNOVCI_REDIS_URL']).rpush('{key}', os.environ['VERSION']);"
            f"{ending}"
        )
        return {"command": ["python", "-c", program], "timeout": "3m"}

    good = migration("pass")
    web.apply(migration=good)
    is_good(web)
    assert redis.lrange(key, 0, -1) == ["1"]
    pods, template = web.pods(), web.get("deployment")["spec"]["template"]
    with web.traffic() as traffic:
        web.apply(
            version="2",
            health={"maxInFlight": 7},
            migration=migration("raise SystemExit('no such column: due')"),
        )
        assert "no such column: due" in goes_back(web, "MigrationFailed")
        assert web.condition("Ready")["reason"] == "MigrationFailed"
        assert redis.lrange(key, 0, -1) == ["1", "2", "2", "2"]
        assert (web.pods(), web.get("deployment")["spec"]["template"]) == (pods, template)
        assert web.ask().split()[1] == "1"
    assert traffic.answered > 100
    assert traffic.failed == 0, traffic.error
    # Nor does it run again when its Job is gone and the spec's generation is another.
    for each in web.jobs():
        kubectl("-n", NAMESPACE, "delete", "job", each["metadata"]["name"])
    kubectl("-n", NAMESPACE, "scale", "oapp", web.name, "--replicas=1")
    web.wait("Progressing", "MigrationFailed")
    eventually(lambda: len(web.pods()) == 1)
    assert web.jobs() == []
    # Back to what was good, whose migration has succeeded; then on to another.
    web.apply(migration=good)
    web.wait("Progressing", "RolledOut")
    assert web.jobs() == []
    web.apply(version="3", migration=good)
    eventually(lambda: web.serves() and web.ask().split()[1] == "3", within=READY_SECONDS)
    assert redis.lrange(key, 0, -1) == ["1", "2", "2", "2", "3"]
    redis.delete(key)
