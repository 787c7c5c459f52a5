"""What the native cluster needs of the machine; each thing missing is one sentence with its remedy."""

import os
import shutil
import socket
import subprocess

from cluster import paths
from cluster.console import ClusterError, run, step
from cluster.processes import Processes

FREE_BYTES = 8 * 2**30
PACKAGES = {
    "buildah": "buildah",
    "conntrack": "conntrack",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "nft": "nftables",
    "runc": "runc",
    "mount": "mount",
}
"""Programs, each with the Debian package that has it."""


def check() -> None:
    """Raise ClusterError for what a person must change; install what a package gives."""
    if os.geteuid() != 0:
        raise ClusterError("a node needs root: run `sudo make up`, or use a machine with Docker")
    folder = paths.CACHE
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        raise ClusterError(
            f"{free / 2**30:.1f} GiB are free for the cache {folder}, 8 are needed: "
            "free some, or set OSNOVCI_CACHE to a folder on another disk"
        )
    _install([package for program, package in PACKAGES.items() if not shutil.which(program)])
    for port, owner in ((paths.API_PORT, "kube-apiserver"), (paths.ETCD_PORT, "etcd")):
        if not Processes(paths.STATE).running(owner) and _in_use(port):
            raise ClusterError(
                f"port {port} is in use, which {owner} needs: "
                f"`ss -ltnp sport = :{port}` names the process to stop"
            )


def _install(packages: list[str]) -> None:
    if not packages:
        return
    if not shutil.which("apt-get"):
        raise ClusterError(f"these are missing, install them: {', '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with step(f"Installing {', '.join(packages)} by apt-get", "up to a minute"):
        run(["apt-get", "update", "-qq"], env=environment)
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
        run([*command, *packages], env=environment)


def _in_use(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return True
    return False


def docker_answers() -> bool:
    """Tell whether there is a Docker engine, not only its client."""
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
