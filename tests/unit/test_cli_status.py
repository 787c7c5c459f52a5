"""`osnovci status` and what it says of an app or a pool, from bodies as the API server gives them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from apps import APP, app, app_body, beat, decided, deployed, reports, seen
from builders import AWAY, pool_body

from osnovci.app_revisions import GoodRevision, GoodRevisions
from osnovci.cli.status import app_story, pool_story, troubles
from osnovci_operator.app import status
from osnovci_operator.app.rollout import Course, Revision
from osnovci_operator.app.seen import Seen
from osnovci_operator.app.status import Outcome

OSNOVCI = str(Path(sys.executable).parent / "osnovci")
SPEC = {"database": {}}


def reported(given: Seen, **outcome: Any) -> dict[str, Any]:
    """Give an app with the status that the operator writes."""
    of = app(**SPEC)
    wanted = Revision({"metadata": {}}, of.spec.document(APP))
    chosen = outcome.pop("course", Course(wanted, {}))
    written = status.status(of, {}, given, Outcome(decided(of, given), chosen, **outcome))
    return app_body(**SPEC) | {"status": written}


def running() -> Seen:
    document = app(**SPEC).spec.document(APP)
    figures: dict[str, Any] = {"requests_per_second": 12.0, "p95_seconds": 0.02}
    told = reports(beat(document=document, **figures), document=document, revision=7)
    return seen(deployed=deployed(asked=3), reports=told)


def test_an_app_that_is_well_has_no_trouble_and_few_lines() -> None:
    good = GoodRevisions(GoodRevision(name="aaa", spec={}))
    body = reported(running(), revision="aaa", good=good)
    assert list(troubles(body)) == []
    assert dict(app_story(body)) == {
        "pods": "3 of 3 ready, 3 of the revision that is rolled out",
        "image": "homework:1",
        "revision": "aaa, which is good",
        "rollout": "RolledOut: all pods are of the newest revision",
        "scaling": "FixedReplicas: spec.replicas is not set and means 3",
        "traffic": "12 requests/s, 0.0% errors, p95 20ms",
        "database": "WithinBudget: at most 50 connections of the 90 for all apps; 0 in use",
        "config": "Enforced: 1 ready pod at revision 7",
        "url": "http://homework.homework.svc",
    }


def test_what_is_not_as_it_should_be_comes_first_and_once() -> None:
    back = Course(Revision({"metadata": {}}, app(**SPEC).spec.document(APP)), {}, "it crashed")
    good = GoodRevisions(GoodRevision(name="aaa", spec={}))
    body = reported(running(), course=back, revision="bbb", good=good)
    (wrong,) = troubles(body)
    assert wrong.startswith("Ready is False, RolledBack: it crashed; the last good revision")
    assert dict(app_story(body))["revision"] == "bbb, given up; aaa, the last good one, serves"


def test_what_is_not_known_is_no_good_news() -> None:
    body = reported(seen(deployed=deployed(), reports=AWAY), revision="aaa")
    (wrong,) = troubles(body)
    assert wrong.startswith("ConfigEnforced is Unknown, Unreachable: ")


def test_an_object_that_the_operator_has_not_seen_is_told_as_such() -> None:
    (wrong,) = troubles(app_body())
    assert wrong.startswith("the operator has not seen it: it is down, or has only begun, or does")
    older = app_body() | {"status": {"observedGeneration": 0}}
    (wrong,) = troubles(older)
    assert wrong == (
        "the operator has not seen the newest spec yet; what follows is of the one before"
    )
    assert dict(app_story(older))["rollout"] == "not known yet"


def test_a_pool_is_told_with_its_queues() -> None:
    queue = {"name": "email", "waiting": 5, "active": 2, "oldestWait": "3s", "paused": True}
    words = {"type": "ScalingActive", "status": "True", "reason": "Backlog", "message": "5 wait"}
    told = {"readyReplicas": 1, "desiredReplicas": 2, "busy": 2, "queues": [queue]}
    body = pool_body() | {"status": told | {"conditions": [words], "expectedWait": "5s"}}
    story = dict(pool_story(body))
    assert story["workers"] == "1 of 2 ready, 2 jobs run"
    assert story["scaling"] == "Backlog: 5 wait"
    assert story["email"] == "5 wait, the oldest for 3s; 2 run; paused"
    assert story["a new job"] == "waits for 5s"


def osnovci(*arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": path}
    return subprocess.run(
        [OSNOVCI, *arguments], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", ["status", "rollback"])
def test_without_kubectl_it_says_what_is_missing(command: str, tmp_path: Path) -> None:
    ended = osnovci(command, "app/shop", path=str(tmp_path))
    assert ended.returncode == 2
    assert ended.stderr.startswith("osnovci: kubectl is not found, ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("status", "shop"), "'shop' is neither: write app/NAME or qpool/NAME"),
        (("status", "deploy/shop"), "'deploy/shop' is neither: write app/NAME or qpool/NAME"),
        (("rollback", "qpool/shop"), "'qpool/shop' is no OsnovciApp: write app/NAME"),
    ],
)
def test_another_kind_is_refused(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    ended = osnovci(*arguments, path=str(tmp_path))
    assert (ended.returncode, ended.stderr) == (2, f"osnovci: {words}\n")


@pytest.mark.parametrize("command", ["status", "rollback"])
def test_where_it_looked_is_said(command: str, tmp_path: Path) -> None:
    # As kubectl with --ignore-not-found does where there is none: it says nothing.
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    ended = osnovci(command, "app/shop", "-n", "elsewhere", path=str(tmp_path))
    words = "there is no OsnovciApp shop in namespace elsewhere; -n names another one"
    assert (ended.returncode, ended.stderr) == (2, f"osnovci: {words}\n")
    ended = osnovci(command, "app/shop", path=str(tmp_path))
    assert "shop in the namespace of kubectl's context; -n names another one" in ended.stderr
