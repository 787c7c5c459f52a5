"""Programs of the tests' own in pods: the files of `in_pods`, seen by the pods through a ConfigMap."""

import json
from pathlib import Path
from typing import Any

from web_apps import NAMESPACE

from cluster.kubectl import kubectl

FOLDER = Path(__file__).parent / "in_pods"


def serving(module: str, *, memory: str = "256Mi", **environment: str) -> dict[str, Any]:
    """Give the `pod:` section of an OsnovciApp that serves one of them; the ConfigMap is applied."""
    name = f"in-pods-{module}"
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": {each.name: each.read_text() for each in FOLDER.glob("*.py")},
    }
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(config_map))
    variables = {"PYTHONPATH": "/app:/in-pods", **environment}
    return {
        "image": "osnovci/homework:dev",
        "args": [f"{module}:app"],
        "env": [{"name": each, "value": value} for each, value in variables.items()],
        "resources": {"requests": {"cpu": "5m", "memory": "64Mi"}, "limits": {"memory": memory}},
        "volumes": [{"name": "program", "configMap": {"name": name}}],
        "volumeMounts": [{"name": "program", "mountPath": "/in-pods"}],
    }
