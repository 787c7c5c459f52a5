#!/usr/bin/env python3
"""Writes docs/reference/ of each kind from its CRD: `make docs`. A test compares the two."""

from pathlib import Path
from typing import Any

import yaml

from osnovci_operator.kinds import KINDS, Kind
from osnovci_operator.structural import by_default

ROOT = Path(__file__).parent.parent

INTRODUCTION = """\
# {kind}

<!-- Generated from crds/{plural}.yaml by `make docs`. Do not edit. -->

{description} API `{group}/{version}`, namespaced, short name `{short}`.
A cluster answers the same with `kubectl explain {short}.spec --recursive`.

The API server checks every field; what it refuses, it refuses with the sentences shown here.
A duration is a string such as `500ms`, `5s`, `3m` or `1h30m`.

{notes}"""

NOTES = {
    "QueuePool": """\
With neither `replicas` nor `scaling`, a pool has one worker.
With `appRef`, the workers have the image and environment of that app's [last good revision](../how-to/deploy-an-application.md#let-workers-follow-the-app).
A change of `pod`, `appRef`, `tasks`, `concurrency`, `isolation`, `memoryLimit` or anything in `queues` or `schedules` rolls the pods, each of which first \
ends the jobs it runs. A change of `replicas` or `scaling` does not.
""",
    "OsnovciApp": """\
With neither `replicas` nor `scaling`, an app has three pods.
A change of `pod`, `port`, `processes`, `shutdown.grace` or whether there is a `database` rolls the pods, one at a time, a new one \
first. A change of `loadBalancer.sticky` or `shutdown` rolls the nginx pods. Everything else changes without a restart.
[How to deploy an application](../how-to/deploy-an-application.md) shows it in use.
""",
    "RateLimitPolicy": """\
It is a policy attachment as in Gateway API ([GEP-713](https://gateway-api.sigs.k8s.io/geps/gep-713/)). Several policies may target one \
app; their limits are merged by name, and of two of one name that of the older policy counts. A change is in force within a second, \
without a restart.
[How to limit requests](../how-to/limit-requests.md) shows it in use.
""",
}


def main() -> None:
    """Write the references."""
    for path, text in files().items():
        path.write_text(text)
        print(path.relative_to(ROOT))


def files() -> dict[Path, str]:
    """Give each page with its text."""
    references = ROOT / "docs" / "reference"
    return {references / f"{kind.name.lower()}.md": reference(kind) for kind in KINDS}


def reference(kind: Kind) -> str:
    """Give the text of a kind's page."""
    spec = yaml.safe_load((ROOT / "crds" / f"{kind.plural}.yaml").read_text())["spec"]
    version = spec["versions"][0]
    root = version["schema"]["openAPIV3Schema"]
    introduction = INTRODUCTION.format(
        kind=kind.name,
        plural=kind.plural,
        notes=NOTES[kind.name],
        description=root["description"],
        group=spec["group"],
        version=version["name"],
        short=spec["names"]["shortNames"][0],
    )
    parts = [
        introduction,
        *_section("spec", root["properties"]["spec"]),
        *_section("status", root["properties"]["status"]),
        _columns(version["additionalPrinterColumns"]),
    ]
    return "\n".join(parts)


def _section(path: str, node: dict[str, Any]) -> list[str]:
    """Give the table of an object's fields, and after it those of the objects in it."""
    required = set(node.get("required", ()))
    rows = ["| Field | Type | Default | Meaning |", "|---|---|---|---|"]
    for name, field in node["properties"].items():
        default = (
            "**required**" if name in required and path.startswith("spec") else _default(field)
        )
        rows.append(f"| `{name}` | {_type(field)} | {default} | {_meaning(field)} |")
    rules = [
        f"- {rule['message']}"
        for rule in node.get("x-kubernetes-validations", ())
        if "fieldPath" in rule
    ]
    introduction = [node["description"]] if "description" in node else []
    parts = [
        "\n".join(
            [f"## {path}", "", *introduction, "", *rows, *([""] if rules else []), *rules, ""]
        )
    ]
    for name, field in node["properties"].items():
        inner, suffix = (field.get("items", {}), "[]") if "items" in field else (field, "")
        if "properties" in inner:
            parts += _section(f"{path}.{name}{suffix}", inner)
    return parts


def _type(field: dict[str, Any]) -> str:
    rules = field.get("x-kubernetes-validations", ())
    values = field.get("additionalProperties")
    kinds = (
        (field.get("type") == "array", lambda: f"list of {_type(field['items'])}"),
        (isinstance(values, dict), lambda: f"map of {_type(field['additionalProperties'])}"),
        (
            field.get("type") == "string" and any("duration(" in rule["rule"] for rule in rules),
            lambda: "duration",
        ),
        ("enum" in field, lambda: "one of " + ", ".join(f"`{each}`" for each in field["enum"])),
        ("x-kubernetes-int-or-string" in field, lambda: "quantity"),
        ("maxProperties" in field and not values, lambda: "JSON object"),
        ("x-kubernetes-preserve-unknown-fields" in field, lambda: "object, as in a Pod"),
        (True, lambda: str(field["type"])),
    )
    return next(name() for applies, name in kinds if applies)


def _default(field: dict[str, Any]) -> str:
    value = field.get("default", "")
    if value == "":
        return ""
    return (
        "those below"
        if isinstance(value, dict)
        else f"`{str(value).lower() if value is False else value}`"
    )


def _meaning(field: dict[str, Any]) -> str:
    parts = [field.get("description", "").removesuffix(by_default(field)).rstrip()]
    if most := field.get("maxItems") or field.get("maxProperties"):
        parts.append(f"At most {most}.")
    parts += [
        f"Refused otherwise: “{rule['message']}”."
        for node in (field, field.get("items", {}))
        for rule in node.get("x-kubernetes-validations", ())
        if "fieldPath" not in rule and "duration(" not in rule["rule"]
    ]
    return " ".join(part for part in parts if part).replace("|", "\\|")


def _columns(columns: list[dict[str, Any]]) -> str:
    rows = ["## Columns of `kubectl get`", "", "| Column | From | Meaning |", "|---|---|---|"]
    for column in columns:
        wide = " Only with `-o wide`." if column["priority"] else ""
        rows.append(
            f"| {column['name']} | `{column['jsonPath']}` | {column['description']}{wide} |"
        )
    return "\n".join([*rows, ""])


if __name__ == "__main__":
    main()
