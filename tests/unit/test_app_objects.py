"""What an app owns, against golden files: tests/golden/app/NAME.in.yaml, NAME.out.yaml.

To write NAME.out.yaml anew, and then to read the difference:
    OSNOVCI_GOLDEN=write .venv/bin/pytest tests/unit/test_app_objects.py
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from apps import app, decided, deployed, seen

from osnovci.app_contract import AppDocument
from osnovci.app_revisions import GoodRevisions
from osnovci_operator.app import build
from osnovci_operator.app.build import revision
from osnovci_operator.app.configs import configs
from osnovci_operator.app.objects import around, core
from osnovci_operator.app.rollout import course
from osnovci_operator.app.spec import App
from osnovci_operator.labels import release_of

GOLDEN = Path(__file__).parents[1] / "golden" / "app"
INPUTS = sorted(GOLDEN.glob("*.in.yaml"))
EVERY_INPUT = pytest.mark.parametrize(
    "given", INPUTS, ids=[path.name.removesuffix(".in.yaml") for path in INPUTS]
)


class Blocks(yaml.SafeDumper):
    """Writes a text of several lines as such."""


def block(dumper: Blocks, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Blocks.add_representer(str, block)


def read(given: Path) -> App:
    return app(**yaml.safe_load(given.read_text())["spec"])


def built(of: App) -> list[dict[str, Any]]:
    """Build all objects of an app that has none yet."""
    chosen = course(revision(of), seen(), "3m")
    documents = configs(seen(), chosen, None).documents
    before = core(of, documents, decided(of, seen()).replicas, chosen)
    front = around(of, documents, GoodRevisions(), deployed(), "nginx:1")
    after = [each for each in front if each["kind"] != "ConfigMap"]
    return [*before, *after]


def pod(of: App) -> dict[str, Any]:
    return build.template(of)["spec"]


@EVERY_INPUT
def test_the_objects_are_the_golden_ones(given: Path) -> None:
    golden = given.with_name(given.name.replace(".in.", ".out."))
    objects = json.loads(json.dumps(built(read(given))))
    if os.environ.get("OSNOVCI_GOLDEN") == "write":
        text = yaml.dump_all(objects, Dumper=Blocks, sort_keys=False, width=100)
        golden.write_text(text)
    assert objects == list(yaml.safe_load_all(golden.read_text()))


@EVERY_INPUT
def test_the_pod_fits_the_restricted_profile(given: Path) -> None:
    spec = pod(read(given))
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@EVERY_INPUT
def test_the_selectors_find_the_pods(given: Path) -> None:
    objects = {
        each["kind"]: each["spec"]
        for each in built(read(given))
        if "spec" in each and each["metadata"]["name"] == "homework"
    }
    labels = objects["Deployment"]["template"]["metadata"]["labels"].items()
    assert objects["Deployment"]["selector"]["matchLabels"].items() <= labels
    assert objects["Service"]["selector"].items() <= labels
    assert objects["PodDisruptionBudget"]["selector"]["matchLabels"].items() <= labels


@EVERY_INPUT
def test_a_pod_starts_with_what_the_spec_says(given: Path) -> None:
    of = read(given)
    (told,) = (each for each in built(of) if each["kind"] == "ConfigMap")
    (container,) = pod(of)["containers"]
    variables = {each["name"]: each for each in container["env"]}
    reference = variables["OSNOVCI_APP_DOCUMENT"]["valueFrom"]["configMapKeyRef"]
    assert reference["key"] == variables["OSNOVCI_RELEASE"]["value"]
    assert reference["name"] == told["metadata"]["name"]
    document = AppDocument.model_validate_json(told["data"][reference["key"]])
    assert document == of.spec.document(of.identity.name)


def test_other_pods_are_another_release() -> None:
    templates = [build.template(app(pod={"image": image})) for image in ("a", "b", "b")]
    first, second, third = (release_of(each["metadata"]) for each in templates)
    assert first != second == third


def test_a_variable_of_the_users_goes_before_ours() -> None:
    mine = {"name": "SERVER_ID", "value": "mine"}
    (container,) = pod(app(pod={"image": "homework:1", "env": [mine]}))["containers"]
    assert [each for each in container["env"] if each["name"] == "SERVER_ID"] == [mine]


@pytest.mark.parametrize(
    "changed",
    [
        {"health": {"maxInFlight": 10}},
        {"database": {"connectionsPerProcess": 2}},
        {"replicas": 9},
        {"rollout": {"maxSurge": 2}},
        {"ingress": {"host": "osnovci.app"}},
        {"loadBalancer": {"replicas": 3}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_is_hot_rolls_no_pod(changed: dict[str, Any]) -> None:
    before = app(database={})
    assert build.template(app(**({"database": {}} | changed))) == build.template(before)


def test_less_than_a_second_is_one_and_a_deadline_is_above_the_time_before_it() -> None:
    """Kubernetes counts whole seconds: no grace would cut off every request of a pod that stops."""
    short = app(
        shutdown={"drain": "100ms", "grace": "400ms"},
        rollout={"minReady": "1200ms", "deadline": "1500ms"},
    )
    spec = build.deployment(short, 1, course(revision(short), seen(), "2s"))["spec"]
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 1
    assert (spec["minReadySeconds"], spec["progressDeadlineSeconds"]) == (2, 3)
