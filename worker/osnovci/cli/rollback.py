"""`osnovci rollback`: put the last good revision of an app back into its spec, image and config."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from osnovci.cli.kubectl import add_namespace, get, get_named, kubectl, unseen
from osnovci.cli.named import add_app
from osnovci.errors import OsnovciError

if TYPE_CHECKING:
    from osnovci.app_revisions import GoodRevision


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "rollback",
        help="put the previous good revision of an app back, image and config",
        description=(
            "Writes the previous good revision into the app's spec, by kubectl: the last good one "
            "where the spec asks for another, else the one before it."
        ),
    )
    add_app(parser)
    add_namespace(parser)
    parser.set_defaults(run=rollback)


def rollback(arguments: argparse.Namespace) -> int:
    """Put it back, and say what it was."""
    from osnovci.app_revisions import GoodRevisions, revisions_name

    name = arguments.app
    app = get_named("OsnovciApp", name, arguments.namespace)
    kept = get("configmap", revisions_name(name), arguments.namespace) or {}
    deployment = get("deployment", name, arguments.namespace) or {"metadata": {}}
    notes = deployment["metadata"].get("annotations", {})
    target = choose(app, GoodRevisions.parse(kept.get("data", {}), notes))
    changes = json.dumps(patch(app, target))
    how = ("--type=json", f"--patch={changes}", "--field-manager=osnovci-rollback")
    kubectl("patch", "osnovciapp", name, *how, namespace=arguments.namespace)
    image = target.spec["pod"]["image"]
    print(f"app/{name}: put back revision {target.name}, image {image}, with its config")
    print("Where the spec comes from a file or from Git, change it there too: else it comes again.")
    return 0


def choose(app: dict[str, Any], good: "Any") -> "GoodRevision":
    """Choose what to go back to.

    Raises OsnovciError where there is nothing, or the operator does not know the newest spec yet.
    """
    name = app["metadata"]["name"]
    if words := unseen(app):
        raise OsnovciError(f"app/{name}: {words}")
    if good.refused:
        raise OsnovciError(
            f"ConfigMap {name}-revisions is not as the operator left it, and nothing is put back: "
            f"{'; '.join(good.refused)}"
        )
    target = good.to_put_back(app["status"].get("revision", ""))
    if not target:
        raise OsnovciError(
            f"app/{name} has no former revision: none but the one that it runs was ever good"
        )
    return target


def patch(app: dict[str, Any], target: "GoodRevision") -> list[dict[str, Any]]:
    """Give the changes of the spec, for the generation that was read and no other."""
    generation = app["metadata"]["generation"]
    changes = [{"op": "test", "path": "/metadata/generation", "value": generation}]
    for field, value in target.spec.items():
        path = f"/spec/{field}"
        if value is not None:
            changes.append({"op": "add", "path": path, "value": value})
        elif field in app["spec"]:
            changes.append({"op": "remove", "path": path})
    return changes
