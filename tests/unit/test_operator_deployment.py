"""The Deployment of a pool, against golden files: tests/golden/queuepool/NAME.in.yaml, NAME.out.yaml.

To write NAME.out.yaml anew, and then to read the difference:
    OSNOVCI_GOLDEN=write .venv/bin/pytest tests/unit/test_operator_deployment.py
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import NO_JOBS, pool_body, seen

from osnovci.contract import ENV_POOL, PoolDocument
from osnovci_operator.queuepool.build import deployment
from osnovci_operator.queuepool.decide import ScalingState, decide
from osnovci_operator.queuepool.spec import Pool

GOLDEN = Path(__file__).parents[1] / "golden" / "queuepool"
INPUTS = sorted(GOLDEN.glob("*.in.yaml"))
EVERY_INPUT = pytest.mark.parametrize(
    "given", INPUTS, ids=[path.name.removesuffix(".in.yaml") for path in INPUTS]
)


def build(given: Path) -> tuple[Pool, dict[str, Any]]:
    """Decide on a pool without jobs and build its Deployment."""
    pool = Pool.parse(pool_body(spec=yaml.safe_load(given.read_text())["spec"]))
    decision, _ = decide(pool.spec, seen(reading=NO_JOBS), ScalingState())
    return pool, deployment(pool, decision.replicas)


@EVERY_INPUT
def test_the_deployment_is_the_golden_one(given: Path) -> None:
    _, built = build(given)
    golden = given.with_name(given.name.replace(".in.", ".out."))
    if os.environ.get("OSNOVCI_GOLDEN") == "write":
        unshared = json.loads(json.dumps(built))  # or YAML writes a value once and points to it
        golden.write_text(yaml.safe_dump(unshared, sort_keys=False, width=100))
    assert built == yaml.safe_load(golden.read_text())


@EVERY_INPUT
def test_the_pod_fits_the_restricted_profile(given: Path) -> None:
    _, built = build(given)
    pod = built["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [port for port in container["ports"] if "hostPort" in port] == []


@EVERY_INPUT
def test_the_worker_is_told_what_the_spec_says(given: Path) -> None:
    pool, built = build(given)
    (container,) = built["spec"]["template"]["spec"]["containers"]
    (told,) = (each["value"] for each in container["env"] if each["name"] == ENV_POOL)
    assert PoolDocument.model_validate_json(told) == pool.spec.document(pool.identity.name)


@EVERY_INPUT
def test_the_selector_finds_the_pods(given: Path) -> None:
    _, built = build(given)
    labels = built["spec"]["template"]["metadata"]["labels"]
    assert built["spec"]["selector"]["matchLabels"].items() <= labels.items()


@EVERY_INPUT
def test_the_longest_job_may_end(given: Path) -> None:
    pool, built = build(given)
    grace = built["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > pool.spec.longest_timeout.total_seconds()
