"""The CRDs, generated from the models: `make crds` writes crds/ and the install manifest.

A test compares what is checked in with what this module gives.
"""

from pathlib import Path
from typing import Any

import yaml

from osnovci_operator.queuepool import spec as queuepool
from osnovci_operator.resource import GROUP, VERSION, rule, rules
from osnovci_operator.structural import schema

NAME_MAX = 63
"""Children carry their owner's name in a label."""

HEADER = "# Generated from operator/osnovci_operator by `make crds`. Do not edit.\n"


def column(name: str, path: str, kind: str, description: str, priority: int = 0) -> dict[str, Any]:
    """Give one column of `kubectl get`."""
    return {
        "name": name,
        "type": kind,
        "jsonPath": path,
        "description": description,
        "priority": priority,
    }


def condition(kind: str, field: str) -> str:
    """Give the path of a condition's field."""
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


def queue_pool() -> dict[str, Any]:
    """Give the CRD of QueuePool."""
    columns = [
        column("Desired", ".status.desiredReplicas", "integer", "Workers asked for."),
        column("Ready", ".status.readyReplicas", "integer", "Workers ready to take jobs."),
        column("Busy", ".status.busy", "integer", "Jobs that run."),
        column("Waiting", ".status.waiting", "integer", "Jobs that wait."),
        column("Status", condition("Ready", "reason"), "string", "The reason of Ready."),
        column("Age", ".metadata.creationTimestamp", "date", "Time since the pool was made."),
        column("Scaling", condition("ScalingActive", "reason"), "string", "Why this count.", 1),
        column("Message", condition("ScalingActive", "message"), "string", "In a sentence.", 1),
    ]
    names = {
        "kind": queuepool.KIND,
        "listKind": f"{queuepool.KIND}List",
        "plural": queuepool.PLURAL,
        "singular": "queuepool",
        "shortNames": ["qpool"],
        "categories": ["osnovci"],
    }
    description = "Workers for a set of queues; their count follows the backlog."
    return _crd(names, description, schema(queuepool.Spec), schema(queuepool.Status), columns)


def _crd(
    names: dict[str, Any], description: str, spec: Any, status: Any, columns: list[dict[str, Any]]
) -> dict[str, Any]:
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    root = {
        "type": "object",
        "description": description,
        "required": ["spec"],
        **rules(
            rule(
                f"self.metadata.name.size() <= {NAME_MAX}",
                f"metadata.name is longer than {NAME_MAX} characters, the most a label may hold: "
                "choose a shorter one",
            )
        ),
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": root},
        "subresources": {"status": {}, "scale": scale},
        "additionalPrinterColumns": columns,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{names['plural']}.{GROUP}",
            "labels": {"app.kubernetes.io/part-of": "osnovci"},
        },
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def files() -> dict[Path, str]:
    """Give each generated file with its content, by its path in the repository."""
    crd = HEADER + yaml.safe_dump(queue_pool(), sort_keys=False, width=100)
    return {Path("crds/queuepools.yaml"): crd}


def main() -> None:
    """Write the generated files."""
    for path, content in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        print(path)


if __name__ == "__main__":
    main()
