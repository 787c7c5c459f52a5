"""The CRD: what is checked in is what the models give, and it is structural."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import spec

from osnovci_operator import crds
from osnovci_operator.kinds import KINDS, QUEUE_POOL, Kind

ROOT = Path(__file__).parents[2]
OPEN = {"x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"}


def root(kind: Kind) -> dict[str, Any]:
    (version,) = crds.crd(kind)["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]


def nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each schema with its path, as `kubectl explain` names it."""
    yield path, schema
    for name, each in schema.get("properties", {}).items():
        yield from nodes(each, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            yield from nodes(schema[inner], f"{path}[]")


def nodes_of(kind: Kind) -> dict[str, dict[str, Any]]:
    properties = root(kind)["properties"]
    return dict(node for part in ("spec", "status") for node in nodes(properties[part], part))


NODES = nodes_of(QUEUE_POOL)
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@pytest.mark.parametrize(("path", "content"), crds.files().items(), ids=str)
def test_what_is_checked_in_is_generated(path: Path, content: str) -> None:
    assert (ROOT / path).read_text() == content, "run `make crds`"


@EVERY_KIND
def test_every_field_is_described(kind: Kind) -> None:
    fields = {path: node for path, node in nodes_of(kind).items() if not path.endswith("[]")}
    assert {"spec", "status.conditions"} < fields.keys()
    assert [path for path, node in fields.items() if not node.get("description")] == []


@EVERY_KIND
def test_every_node_has_a_type(kind: Kind) -> None:
    untyped = {
        path
        for path, node in nodes_of(kind).items()
        if "type" not in node and not OPEN & node.keys()
    }
    assert untyped == set()


@EVERY_KIND
def test_nothing_is_left_that_a_structural_schema_refuses(kind: Kind) -> None:
    given = nodes_of(kind)
    refused = {"$ref", "$defs", "title", "anyOf", "oneOf", "allOf", "const"}
    assert {
        path: refused & node.keys() for path, node in given.items() if refused & node.keys()
    } == {}
    closed = {path for path, node in given.items() if node.get("additionalProperties") is False}
    assert closed == set()


def test_a_rule_says_what_would_be_right() -> None:
    messages = {
        rule["message"]
        for node in NODES.values()
        for rule in node.get("x-kubernetes-validations", ())
    }
    assert "must be a quantity of zero or more, such as 100m, 2, 128Mi or 1Gi" in messages
    assert "" not in messages


def test_a_default_is_written_as_people_write_it() -> None:
    assert NODES["spec.queues[].timeout"]["default"] == "3m"
    assert NODES["spec.queues[].retries"]["default"] == {}
    assert NODES["spec.queues[].retries.initial"]["default"] == "1s"
    assert "default" not in NODES["spec.replicas"]


def test_the_defaults_of_the_schema_are_those_of_the_models() -> None:
    """What the API server fills in must not differ from what the operator would."""
    queue = spec().model_dump()["queues"][0]
    for field in ("timeout", "keepCompleted", "keepFailed", "paused"):
        assert NODES[f"spec.queues[].{field}"]["default"] == queue[field]
    for field, value in queue["retries"].items():
        assert NODES[f"spec.queues[].retries.{field}"]["default"] == value


def paths() -> list[tuple[Kind, str]]:
    """Give the paths that the CRDs name outside their schemas."""
    found: list[tuple[Kind, str]] = []
    for kind in KINDS:
        (version,) = crds.crd(kind)["spec"]["versions"]
        columns = [column["jsonPath"] for column in version["additionalPrinterColumns"]]
        scale = version["subresources"].get("scale", {})
        found += [(kind, path) for path in (*columns, *scale.values())]
    return found


@pytest.mark.parametrize(
    ("kind", "path"), paths(), ids=lambda given: given if isinstance(given, str) else given.noun
)
def test_a_column_or_scale_path_names_a_field(kind: Kind, path: str) -> None:
    field = path.removeprefix(".").partition("[")[0]
    assert field in nodes_of(kind) or field.startswith("metadata.")
