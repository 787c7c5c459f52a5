"""A simulation reads a pool as the operator does."""

import json
from pathlib import Path

from pydantic import BaseModel

from osnovci.scaling.model import Target
from osnovci.simulation import pool_file
from osnovci_operator.labels import MOST_JOBS
from osnovci_operator.queuepool.queue import Queue
from osnovci_operator.queuepool.spec import Scaling, ScalingMode, Spec


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


def test_a_pool_file_knows_the_fields_and_bounds_of_a_queuepool() -> None:
    """So that a field which is misspelt is refused, and one that is not passes."""
    assert names(Spec) == list(pool_file.SPEC_FIELDS)
    assert names(Scaling) == list(pool_file.FIELDS)
    assert set(pool_file.QUEUE_LIMITS) < set(names(Queue))
    assert list(ScalingMode) == list(pool_file.MODES)
    assert pool_file.MOST_JOBS == MOST_JOBS


def names(model: type[BaseModel]) -> list[str]:
    return [str(each.alias) for each in model.model_fields.values()]
