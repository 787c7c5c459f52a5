"""The CRDs, generated from the models: `make crds` writes crds/ and the install manifest.

A test compares what is checked in with what this module gives.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from osnovci_operator.kinds import KINDS, Kind
from osnovci_operator.resource import GROUP, VERSION, rule, rules
from osnovci_operator.structural import schema

NAME_MAX = 63
"""Children carry their owner's name in a label."""

SCALE = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.selector",
}
HEADER = "# Generated from operator/osnovci_operator by `make crds`. Do not edit.\n"


def crd(kind: Kind) -> dict[str, Any]:
    """Give the CRD of a kind."""
    columns = [
        {
            "name": column.name,
            "type": column.type,
            "jsonPath": column.path,
            "description": column.description,
            "priority": int(column.wide),
        }
        for column in kind.columns
    ]
    names = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
        "shortNames": [kind.short],
        "categories": ["osnovci"],
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _root(kind)},
        "subresources": {"status": {}, **({"scale": SCALE} if kind.scales else {})},
        "additionalPrinterColumns": columns,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            "labels": {"app.kubernetes.io/part-of": "osnovci"},
        },
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def _root(kind: Kind) -> dict[str, Any]:
    return {
        "type": "object",
        "description": kind.description,
        "required": ["spec"],
        **rules(
            rule(
                f"self.metadata.name.size() <= {NAME_MAX}",
                f"metadata.name is longer than {NAME_MAX} characters, the most a label may hold: "
                "choose a shorter one",
            ),
            *kind.rules,
        ),
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": schema(kind.spec),
            "status": schema(kind.status),
        },
    }


def files() -> dict[Path, str]:
    """Give each generated file with its content, by its path in the repository."""
    return {
        Path(f"crds/{kind.plural}.yaml"): HEADER
        # By JSON, so that what stands twice is written twice and not as an alias.
        + yaml.safe_dump(json.loads(json.dumps(crd(kind))), sort_keys=False, width=100)
        for kind in KINDS
    }


def main() -> None:
    """Write the generated files."""
    for path, content in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        print(path)


if __name__ == "__main__":
    main()
