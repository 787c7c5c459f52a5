"""What /metrics says of our objects, from their last status."""

from typing import Any

from apps import app_body
from builders import NAMESPACE, pool_body
from prometheus_client.core import Metric

from osnovci_operator.metrics import StatusCollector
from osnovci_operator.store import Store


def condition(kind: str, status: str, reason: str) -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason}


def collected(*bodies: dict[str, Any]) -> dict[str, Metric]:
    store = Store()
    for body in bodies:
        store.put(body)
    return {family.name: family for family in StatusCollector(store).collect()}


def test_a_condition_that_is_not_as_it_should_be_can_be_alerted_on() -> None:
    conditions = [
        condition("Ready", "False", "RolledBack"),
        condition("DatabaseBudget", "True", "WithinBudget"),
        condition("ConfigEnforced", "Unknown", "Unreachable"),
    ]
    app = app_body() | {"status": {"conditions": conditions}}
    # One that this operator cannot read is told of all the same.
    unreadable = pool_body() | {"spec": {"nonsense": 1}}
    unreadable["status"] = {"conditions": [condition("Ready", "False", "InvalidSpec")]}
    found = {
        (each.labels["kind"], each.labels["type"], each.labels["reason"]): each.value
        for each in collected(app, unreadable)["osnovci_condition"].samples
        if each.labels["namespace"] == NAMESPACE
    }
    assert found == {
        ("OsnovciApp", "Ready", "RolledBack"): 0,
        ("OsnovciApp", "DatabaseBudget", "WithinBudget"): 1,
        ("QueuePool", "Ready", "InvalidSpec"): 0,
    }
