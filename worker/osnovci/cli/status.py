"""`osnovci status`: how an app or a pool is, in a few lines; what is not as it should be first."""

import argparse
from collections.abc import Iterator
from typing import Any

from osnovci.cli.kubectl import add_namespace, get_named, unseen
from osnovci.cli.named import APPS, POOLS, split
from osnovci.cli.table import table
from osnovci.errors import OsnovciError

RIGHT = {
    "Ready": "True",
    "Progressing": "True",
    "DatabaseBudget": "True",
    "ConfigEnforced": "True",
    "BackendReachable": "True",
    "JobsAccounted": "True",
    "Scheduled": "True",
    "QueuesPaused": "False",
    "ScalingLimited": "False",
}
"""How each condition should be; the one of scaling is told in any case."""


GIVEN_UP = {"RolledBack", "MigrationFailed"}


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "status",
        help="print how an app or a pool is",
        description=(
            "Asks the API server, by kubectl. The exit status is 1 where something is not as it "
            "should be."
        ),
    )
    parser.add_argument("object", metavar="app/NAME|qpool/NAME", help="an OsnovciApp or QueuePool")
    add_namespace(parser)
    parser.set_defaults(run=status)


def status(arguments: argparse.Namespace) -> int:
    """Print it."""
    kind, name = split(arguments.object)
    if not name or kind not in APPS | POOLS:
        raise OsnovciError(f"{arguments.object!r} is neither: write app/NAME or qpool/NAME")
    of_app = kind in APPS
    body = get_named("OsnovciApp" if of_app else "QueuePool", name, arguments.namespace)
    wrong = list(troubles(body))
    story = app_story if of_app else pool_story
    for line in (*wrong, *(table(list(story(body))) if body.get("status") else ())):
        print(line)
    return int(bool(wrong))


def troubles(body: dict[str, Any]) -> Iterator[str]:
    """Say what is not as it should be."""
    given = body.get("status", {})
    if words := unseen(body):
        yield f"{words}; what follows is of the one before" if given else words
    told: set[str] = set()
    for each in given.get("conditions", ()):
        is_right = each["status"] == RIGHT.get(each["type"], each["status"])
        if is_right or each["message"] in told:
            continue
        told.add(each["message"])
        yield f"{each['type']} is {each['status']}, {each['reason']}: {each['message']}"


def app_story(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the lines of an OsnovciApp."""
    given = body.get("status", {})
    pods = f"{given.get('readyReplicas', 0)} of {given.get('desiredReplicas', 0)} ready"
    yield "pods", f"{pods}, {given.get('updatedReplicas', 0)} of the revision that is rolled out"
    yield "image", body["spec"]["pod"]["image"]
    yield "revision", _revision(given)
    yield "rollout", _words(given, "Progressing")
    yield "scaling", _words(given, "ScalingActive")
    if traffic := given.get("traffic"):
        p95 = f", p95 {traffic['p95']}" if "p95" in traffic else ""
        rate = f"{traffic['requestsPerSecond']} requests/s"
        yield "traffic", f"{rate}, {traffic['errorRate']} errors{p95}"
    if database := given.get("database"):
        in_use = f"; {database['inUse']} in use" if "inUse" in database else ""
        yield "database", _words(given, "DatabaseBudget") + in_use
    yield "config", _words(given, "ConfigEnforced")
    yield "url", given.get("url", "")


def pool_story(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the lines of a QueuePool."""
    given = body.get("status", {})
    ready = f"{given.get('readyReplicas', 0)} of {given.get('desiredReplicas', 0)} ready"
    yield "workers", f"{ready}, {given.get('busy', 0)} jobs run"
    yield "scaling", _words(given, "ScalingActive")
    for each in given.get("queues", ()):
        oldest = f", the oldest for {each['oldestWait']}" if each["waiting"] else ""
        paused = "; paused" if each.get("paused") else ""
        yield each["name"], f"{each['waiting']} wait{oldest}; {each['active']} run{paused}"
    if "expectedWait" in given:
        yield "a new job", f"waits for {given['expectedWait']}"
    yield "redis", _words(given, "BackendReachable")
    yield "jobs", _words(given, "JobsAccounted")


def _revision(given: dict[str, Any]) -> str:
    asked, good = given.get("revision", "none yet"), given.get("goodRevision")
    if asked == good:
        return f"{asked}, which is good"
    if any(each["reason"] in GIVEN_UP for each in given.get("conditions", ())):
        return f"{asked}, given up; {f'{good}, the last good one, serves' if good else 'none was good'}"
    return f"{asked}, on trial; the last good one is {good}" if good else f"{asked}, on trial"


def _words(given: dict[str, Any], kind: str) -> str:
    found = (each for each in given.get("conditions", ()) if each["type"] == kind)
    condition = next(found, None)
    return f"{condition['reason']}: {condition['message']}" if condition else "not known yet"
