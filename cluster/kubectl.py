"""kubectl of the cluster's version, on the cluster's kubeconfig."""

from pathlib import Path

from cluster import tools
from cluster.console import run
from cluster.paths import KUBECONFIG


def kubectl(*arguments: str | Path, stdin: str | None = None) -> str:
    """Run kubectl; give what it printed.

    Raises ClusterError with its words if it failed.
    """
    program = tools.kubernetes() / "kubectl"
    return run([program, f"--kubeconfig={KUBECONFIG}", *arguments], stdin=stdin)
