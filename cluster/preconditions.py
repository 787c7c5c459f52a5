"""What the native cluster needs of the machine; each thing missing is one sentence with its remedy."""

import os
import re
import shutil
import socket
import subprocess

from cluster import paths
from cluster.console import ClusterError, run, step
from cluster.processes import Processes

FREE_BYTES = 8 * 2**30
PACKAGES = {
    "buildah": "buildah",
    "chromedriver": "chromium-driver",
    "chromium": "chromium",
    "conntrack": "conntrack",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "nft": "nftables",
    "pg_createcluster": "postgresql",
    "redis-server": "redis-server",
    "runc": "runc",
    "mount": "mount",
}
"""Programs, each with the Debian package that has it; Redis, PostgreSQL and Chromium are for the tests beside it."""


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
    processes = Processes(paths.STATE)
    _free("kube-apiserver", paths.API_PORT, processes)
    _free("etcd", paths.ETCD_PORT, processes)
    for port in paths.HOST_PORTS:
        _free("kubelet", port, processes)


def _free(program: str, port: int, processes: Processes) -> None:
    """Raise ClusterError if another program has a port that one of ours, not running yet, needs."""
    if processes.running(program) or not _in_use(port):
        return
    listening = run(["ss", "-Hltnp", f"sport = :{port}"])
    holder = re.search(r'\("([^"]+)",pid=(\d+)', listening)
    by = f" by {holder[1]} (pid {holder[2]})" if holder else ""
    raise ClusterError(
        f"port {port}, which the cluster needs, is in use{by}: stop that, and run this again"
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
