"""A simulation reads a pool as the operator does."""

import json
from pathlib import Path

from osnovci.scaling.model import Target
from osnovci.simulation import pool_file
from osnovci_operator.queuepool.spec import Spec


def test_a_pool_file_has_the_defaults_of_a_queuepool(tmp_path: Path) -> None:
    plain = {"pod": {"image": "a:1"}, "tasks": ["a"], "queues": [{"name": "email"}]}
    written = plain | {"scaling": {"maxReplicas": 3}}
    file = tmp_path / "pool.yaml"
    file.write_text(json.dumps({"spec": written}))
    spec = Spec.model_validate(written)
    assert spec.scaling
    assert pool_file.read(file).target == Target(
        wait=spec.scaling.target_wait.total_seconds(),
        minimum=spec.scaling.min_replicas,
        maximum=3,
        slots=spec.concurrency,
        idle=spec.scaling.idle.total_seconds(),
    )
