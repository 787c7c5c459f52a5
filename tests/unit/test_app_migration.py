"""The migration of a new revision: what runs, and what becomes of the revision meanwhile and after."""

from typing import Any

import pytest
from apps import TEMPLATE_HASH, app, decided, deployed, reports, seen

from osnovci_operator.app import build, status
from osnovci_operator.app.build import revision
from osnovci_operator.app.migration import (
    Run,
    State,
    behind,
    digest,
    job,
    job_name,
    run,
    said,
    unfinished,
)
from osnovci_operator.app.objects import core
from osnovci_operator.app.rollout import Course, Revision, course, migrated
from osnovci_operator.app.seen import Deployed
from osnovci_operator.app.status import Outcome

MIGRATION = {"command": ["python", "-m", "homework.migrate"]}
OLD, NEW = revision(app()), revision(app(pod={"image": "homework:2"}, migration=MIGRATION))
WORDS = "the migration failed: pod homework-migrate-x ended with exit status 1: no such column"
NEW_HASH = "77b9d6"


def stands(notes: dict[str, str]) -> Deployed:
    """Give the Deployment of the old revision."""
    return deployed(notes=notes, templates={TEMPLATE_HASH: OLD.template})


def proven() -> dict[str, str]:
    """Give the notes of an app whose old revision is good."""
    first = course(OLD, seen(), "3m")
    return dict(course(OLD, seen(deployed=deployed(notes=first.notes)), "3m").notes)


def choose(state: State, was: Deployed | None, wanted: Revision = NEW) -> Course:
    at = Run(wanted.migration, state, WORDS if state is State.FAILED else "the migration runs")
    return course(wanted, seen(deployed=was, migration=at, reports=reports()), "3m")


def told(chosen: Course, was: Deployed | None) -> dict[str, str]:
    """Give the conditions as `Status Reason: message`."""
    of, given = app(), seen(deployed=was)
    written = status.status(of, {}, given, Outcome(decided(of, given), chosen))
    return {
        each["type"]: f"{each['status']} {each['reason']}: {each['message']}"
        for each in written["conditions"]
    }


def kinds(chosen: Course) -> list[str]:
    of = app(pod={"image": "homework:2"}, migration=MIGRATION)
    return [each["kind"] for each in core(of, {}, 3, chosen)]


def test_a_new_revision_waits_for_its_migration() -> None:
    was = stands(proven())
    begun = choose(State.ABSENT, was)
    assert begun.revision == OLD
    assert kinds(begun) == ["ServiceAccount", "ConfigMap", "Job", "Deployment"]
    runs = choose(State.RUNNING, was)
    assert runs.revision == OLD
    assert dict(runs.notes) == was.notes
    assert "Job" not in kinds(runs)
    kept = "the migration runs; pods and config stay as they are"
    assert told(runs, was)["Progressing"] == f"True Migrating: {kept}"
    assert told(runs, was)["Ready"] == f"False Migrating: {kept}"


def test_it_is_rolled_out_when_its_migration_has_succeeded() -> None:
    chosen = choose(State.SUCCEEDED, stands(proven()))
    assert chosen.revision == NEW
    assert migrated(chosen.notes) == (NEW.migration,)
    assert kinds(chosen) == ["ServiceAccount", "ConfigMap", "Deployment"]


def test_a_failed_one_leaves_what_runs_and_is_not_run_again() -> None:
    was = stands(proven())
    failed = choose(State.FAILED, was)
    assert failed.revision == OLD
    expected = (
        f"False MigrationFailed: {WORDS}; pods and config stay as they are until pod, config or "
        "migration of the spec change"
    )
    assert told(failed, was)["Progressing"] == expected
    assert told(failed, was)["Ready"] == expected
    # Whoever looks later, and though Kubernetes has deleted the Job.
    later = stands(dict(failed.notes))
    for state in (State.FAILED, State.ABSENT):
        again = choose(state, later)
        assert again.revision == OLD
        assert again.refused == WORDS
        assert dict(again.notes) == dict(failed.notes)
        assert "Job" not in kinds(again)
        assert told(again, later)["Progressing"] == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"migration": {"command": ["other"]}},
        {"migration": {**MIGRATION, "timeout": "1h"}},
        {"pod": {"image": "homework:3"}, "migration": MIGRATION},
    ],
    ids=["command", "timeout", "image"],
)
def test_a_changed_spec_is_tried_anew(changed: dict[str, Any]) -> None:
    failed = choose(State.FAILED, stands(proven()))
    other = revision(app(**({"pod": {"image": "homework:2"}} | changed)))
    assert other.migration != NEW.migration
    chosen = choose(State.ABSENT, stands(dict(failed.notes)), other)
    assert not chosen.refused
    assert chosen.migrates


def test_there_is_no_pod_before_the_first_migration_has_succeeded() -> None:
    begun = choose(State.ABSENT, None)
    assert kinds(begun) == ["ServiceAccount", "ConfigMap", "Job"]
    assert told(begun, None)["Ready"].startswith("False Migrating: ")
    assert kinds(choose(State.RUNNING, None)) == ["ServiceAccount", "ConfigMap"]
    failed = choose(State.FAILED, None)
    assert kinds(failed) == ["ServiceAccount", "ConfigMap"]
    assert told(failed, None)["Ready"].startswith(f"False MigrationFailed: {WORDS}; ")
    assert kinds(choose(State.SUCCEEDED, None)) == ["ServiceAccount", "ConfigMap", "Deployment"]


def test_a_hot_change_runs_none() -> None:
    hot = revision(app(pod={"image": "homework:2"}, migration=MIGRATION, health={"maxInFlight": 7}))
    assert hot.migration == NEW.migration
    assert hot.name != NEW.name


def test_going_back_to_a_revision_of_before_runs_none() -> None:
    notes = choose(State.SUCCEEDED, stands(proven())).notes
    newer = revision(app(pod={"image": "homework:3"}, migration=MIGRATION))
    later = choose(State.SUCCEEDED, stands(dict(notes)), newer)
    assert migrated(later.notes) == (newer.migration, NEW.migration)


def test_a_revision_that_does_not_become_ready_goes_back_without_a_migration() -> None:
    begun = choose(State.SUCCEEDED, stands(proven()))
    stalled = deployed(
        complete=False,
        stalled=True,
        notes=begun.notes,
        template_hash=NEW_HASH,
        templates={TEMPLATE_HASH: OLD.template, NEW_HASH: NEW.template},
    )
    given = seen(
        deployed=stalled,
        migration=Run(NEW.migration, State.SUCCEEDED),
        reports=reports(document=NEW.document),
    )
    back = course(NEW, given, "3m")
    assert back.revision == OLD
    assert told(back, stalled)["Progressing"].startswith("False RolledBack: ")


def a_job(*verdicts: tuple[str, str]) -> dict[str, Any]:
    conditions = [{"type": kind, "status": "True", "reason": why} for kind, why in verdicts]
    return {"metadata": {"name": "homework-migrate-x"}, "status": {"conditions": conditions}}


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        pytest.param(None, State.ABSENT, "the migration is to run", id="absent"),
        pytest.param(
            a_job(), State.RUNNING, "the migration runs, Job homework-migrate-x; no room", id="runs"
        ),
        pytest.param(
            a_job(("SuccessCriteriaMet", "")),
            State.RUNNING,
            "the migration runs, Job homework-migrate-x; no room",
            id="ends",
        ),
        pytest.param(a_job(("Complete", "")), State.SUCCEEDED, "", id="succeeded"),
        pytest.param(
            a_job(("FailureTarget", ""), ("Failed", "BackoffLimitExceeded")),
            State.FAILED,
            "the migration failed: no room",
            id="failed",
        ),
        pytest.param(
            a_job(("Failed", "DeadlineExceeded")),
            State.FAILED,
            "the migration did not end within 10m: no room",
            id="too long",
        ),
    ],
)
def test_a_job_is_read(found: dict[str, Any] | None, state: State, words: str) -> None:
    spec = app(migration=MIGRATION).spec.migration
    assert spec
    assert run("d", spec, found, "no room") == Run("d", state, words)


def test_an_earlier_migration_that_has_not_ended_goes_first() -> None:
    ended = [a_job(("Complete", "")), a_job(("Failed", "DeadlineExceeded"))]
    assert unfinished(ended) is None
    # Told to end, but its pods have not yet.
    ending = a_job(("FailureTarget", ""))
    assert unfinished([*ended, ending]) is ending
    waits = behind(NEW.migration, ending, "pod x cannot pull its image")
    assert waits.words == (
        "the migration waits for Job homework-migrate-x, which came before it: pod x cannot pull "
        "its image; delete that Job if it does not end by itself"
    )
    was = stands(proven())
    chosen = course(NEW, seen(deployed=was, migration=waits), "3m")
    assert chosen.revision == OLD
    assert "Job" not in kinds(chosen)
    assert told(chosen, was)["Progressing"].startswith(f"True Migrating: {waits.words}; ")


def test_what_the_newest_pod_in_trouble_says_is_told() -> None:
    def pod(name: str, at: str, exit_code: int) -> dict[str, Any]:
        ended = {"exitCode": exit_code, "reason": "Error", "message": f"line\nof {name}"}
        state = {"ready": False, "state": {"terminated": ended}}
        metadata = {"name": name, "creationTimestamp": at}
        return {"metadata": metadata, "status": {"containerStatuses": [state]}}

    first, second = (
        pod("first", "2026-01-01T00:00:00Z", 1),
        pod("second", "2026-01-01T00:00:09Z", 2),
    )
    assert said([first, second]) == "pod second ended with exit status 2: of second"
    assert said([]) == ""


def test_the_job_is_a_restricted_pod_that_no_service_finds() -> None:
    of = app(
        pod={
            "image": "homework:2",
            "args": ["homework.web:app"],
            "env": [{"name": "A", "value": "b"}],
            "labels": {"team": "a"},
        },
        migration={**MIGRATION, "timeout": "2m"},
        database={},
    )
    template = build.template(of)
    built = job(of, template)
    pod = built["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    (web,) = template["spec"]["containers"]
    assert container["command"] == MIGRATION["command"]
    assert container.keys() & {"args", "ports", "readinessProbe"} == set()
    for same in ("image", "securityContext", "volumeMounts", "terminationMessagePolicy"):
        assert container[same] == web[same]
    variables = {each["name"] for each in container["env"]}
    assert {"A", "DATABASE_URL", "OSNOVCI_REDIS_URL"} <= variables
    assert "OSNOVCI_APP_DOCUMENT" not in variables
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["metadata"]["labels"]["osnovci.app/migration"] == "homework"
    assert pod["metadata"]["labels"]["team"] == "a"
    assert "osnovci.app/app" not in pod["metadata"]["labels"]
    assert built["metadata"]["labels"]["osnovci.app/app"] == "homework"
    assert built["spec"]["activeDeadlineSeconds"] == 120
    assert of.spec.migration
    assert built["metadata"]["name"].endswith(digest(template, of.spec.migration))
    assert len(job_name("a" * 63, "0123456789")) == 63
