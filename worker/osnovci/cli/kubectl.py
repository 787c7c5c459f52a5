"""kubectl, for the commands that ask the API server: with its kubeconfig, context and rights."""

import argparse
import json
import os
import subprocess
from typing import Any

from osnovci.errors import OsnovciError


def add_namespace(parser: argparse.ArgumentParser) -> None:
    """Let a command be told its namespace."""
    parser.add_argument(
        "-n",
        "--namespace",
        default=os.environ.get("OSNOVCI_NAMESPACE"),
        help="by default OSNOVCI_NAMESPACE, or that of kubectl's context",
    )


def get(kind: str, name: str, namespace: str | None) -> dict[str, Any] | None:
    """Read an object; None where there is none."""
    found = kubectl("get", kind, name, "--output=json", "--ignore-not-found", namespace=namespace)
    return json.loads(found) if found.strip() else None


def get_named(kind: str, name: str, namespace: str | None) -> dict[str, Any]:
    """Read an object that a person has named.

    Raises OsnovciError where there is none.
    """
    if found := get(kind, name, namespace):
        return found
    where = f"namespace {namespace}" if namespace else "the namespace of kubectl's context"
    raise OsnovciError(f"there is no {kind} {name} in {where}; -n names another one")


def unseen(body: dict[str, Any]) -> str:
    """Say why the status of an object is not of its newest spec; empty where it is."""
    metadata, status = body["metadata"], body.get("status", {})
    if not status:
        return (
            "the operator has not seen it: it is down, or has only begun, or does not serve the "
            f"namespace {metadata['namespace']} (OSNOVCI_NAMESPACES in its ConfigMap, and a RoleBinding)"
        )
    if status.get("observedGeneration") != metadata["generation"]:
        return "the operator has not seen the newest spec yet"
    return ""


def kubectl(*arguments: str, namespace: str | None) -> str:
    """Run kubectl and give what it printed.

    Raises OsnovciError, with kubectl's own words.
    """
    where = (f"--namespace={namespace}",) if namespace else ()
    try:
        done = subprocess.run(
            ["kubectl", *where, *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise OsnovciError(
            "kubectl is not found, by which this command asks the API server: install it, or put "
            "it on PATH"
        ) from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise OsnovciError(f"kubectl: {said[-1] if said else f'exit status {done.returncode}'}")
    return done.stdout
