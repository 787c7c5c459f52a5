"""The cluster on a machine with a Docker engine: kind. Not tried where it was written, which has none.

Kept to what differs: create, load an archive, kubeconfig, delete.
"""

import json
import shutil
from pathlib import Path

from cluster import paths, tools
from cluster.console import run, step

NAME = "osnovci"


class Kind:
    """The node is a container."""

    kubeconfig = paths.ROOT / ".cluster" / "kind.kubeconfig"

    def create(self) -> None:
        """Make the cluster unless it is there."""
        if NAME in run([_kind(), "get", "clusters"]).split():
            run([_kind(), "export", "kubeconfig", "--name", NAME, "--kubeconfig", self.kubeconfig])
            return
        self.kubeconfig.parent.mkdir(exist_ok=True)
        with step("Making a kind cluster", "about 2 min, with its image to fetch"):
            command = [_kind(), "create", "cluster", "--name", NAME, "--wait", "120s"]
            command += ["--kubeconfig", self.kubeconfig, "--config", "-"]
            run(command, stdin=json.dumps(_config()))

    def load(self, archive: Path) -> None:
        """Give the node an image."""
        run([_kind(), "load", "image-archive", archive, "--name", NAME])

    def delete(self) -> None:
        """Take the cluster away, and the notes of which images it had."""
        run([_kind(), "delete", "cluster", "--name", NAME, "--kubeconfig", self.kubeconfig])
        shutil.rmtree(paths.STATE, ignore_errors=True)


def _kind() -> Path:
    return tools.folder(tools.KIND) / "kind"


def _config() -> object:
    ports = [
        {"containerPort": port, "hostPort": port, "listenAddress": "127.0.0.1"}
        for port in paths.HOST_PORTS
    ]
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"podSubnet": paths.POD_CIDR},
        "nodes": [{"role": "control-plane", "extraPortMappings": ports}],
    }
