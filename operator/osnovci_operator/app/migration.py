"""The migration: a Job that runs once before the pods of a new revision. Pure: no I/O, no clock.

The Job's name is made of what it runs, so it is the memory of whether that ran: whoever looks finds
the same one. When it is gone, the Deployment's annotations say which migrations have succeeded.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from osnovci.app_contract import ENV_APP
from osnovci_operator.app.spec import App, Migration
from osnovci_operator.database import settings_variable
from osnovci_operator.labels import APP, MIGRATION, app_object_labels
from osnovci_operator.pod_trouble import trouble
from osnovci_operator.resource import format_duration, whole_seconds

RETRIES = 2
"""Pods that fail before it is given up, less one: a database may be away for a moment."""

KEPT_SECONDS = 24 * 3600
"""For its log."""

NAME_MAX = 63
OF_A_POD = frozenset({"name", "args", "ports", "startupProbe", "readinessProbe", "livenessProbe"})
"""Of a web container, what a migration does not have."""


class State(StrEnum):
    """How far a migration is."""

    ABSENT = "Absent"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True)
class Run:
    """The migration of the revision that the spec asks for."""

    digest: str
    """What tells it from others."""
    state: State
    words: str = ""
    """What a person should know of it, in a sentence."""


def digest(template: dict[str, Any], migration: Migration) -> str:
    """Tell a migration from others, by all that it runs with."""
    content = [template, migration.model_dump(mode="json")]
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]


def job_name(app: str, of: str) -> str:
    """Name the Job of a migration."""
    ending = f"-migrate-{of}"
    return app[: NAME_MAX - len(ending)] + ending


def job(app: App, template: dict[str, Any]) -> dict[str, Any]:
    """Build the Job: a pod of this template, with the migration's command instead."""
    assert app.spec.migration
    name, migration = app.identity.name, app.spec.migration
    (web,) = template["spec"]["containers"]
    container = {key: value for key, value in web.items() if key not in OF_A_POD}
    container |= {
        "name": "migration",
        "command": migration.command,
        # The config is for who serves, and is not there yet when the first migration runs.
        "env": [each for each in web["env"] if each["name"] != ENV_APP],
    }
    if app.spec.database:
        one = app.spec.database.document().model_copy(update={"connections_per_process": 1})
        container["env"] = [settings_variable(one), *container["env"]]
    # Whatever selects the app's pods, such as its Service, must not find this one.
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key != APP}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(name, digest(template, migration)),
            "namespace": app.identity.namespace,
            "labels": app_object_labels(name),
            "ownerReferences": [app.reference],
        },
        "spec": {
            "backoffLimit": RETRIES,
            "activeDeadlineSeconds": whole_seconds(migration.timeout),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            # Else two could run at a time, when one is told to end.
            "podReplacementPolicy": "Failed",
            "template": {
                "metadata": {**template["metadata"], "labels": {**labels, MIGRATION: name}},
                "spec": {
                    **template["spec"],
                    "containers": [container],
                    "restartPolicy": "Never",
                },
            },
        },
    }


def run(of: str, migration: Migration, found: dict[str, Any] | None, said: str) -> Run:
    """Read a Job; None is one that does not exist. `said` is what its pods are in trouble with."""
    if not found:
        return Run(of, State.ABSENT, "the migration is to run")
    name, verdicts = found["metadata"]["name"], _verdicts(found)
    if "Complete" in verdicts:
        return Run(of, State.SUCCEEDED)
    failed = verdicts.get("Failed")
    if not failed:
        words = f"the migration runs, Job {name}" + (f"; {said}" if said else "")
        return Run(of, State.RUNNING, words)
    words = "the migration failed"
    if failed.get("reason") == "DeadlineExceeded":
        words = f"the migration did not end within {format_duration(migration.timeout)}"
    return Run(of, State.FAILED, f"{words}: {said or f'see Job {name}'}")


def unfinished(jobs: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Give a Job that may still run; None where all have ended."""
    return next((job for job in jobs if not _verdicts(job).keys() & {"Complete", "Failed"}), None)


def behind(of: str, job: dict[str, Any], said: str) -> Run:
    """Wait for a Job of before: two migrations would change one database at a time."""
    words = f"the migration waits for Job {job['metadata']['name']}, which came before it"
    if said:
        words += f": {said}"
    return Run(of, State.RUNNING, f"{words}; delete that Job if it does not end by itself")


def said(pods: Iterable[dict[str, Any]]) -> str:
    """Give what the newest of a Job's pods is in trouble with; empty where none is."""
    newest = sorted(pods, key=lambda pod: pod["metadata"]["creationTimestamp"], reverse=True)
    return next((words for pod in newest if (words := trouble(pod))), "")


def _verdicts(job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    conditions = job.get("status", {}).get("conditions", ())
    return {each["type"]: each for each in conditions if each["status"] == "True"}
