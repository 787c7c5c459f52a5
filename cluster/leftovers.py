"""What is still on the machine when the node's programs have ended, and how it goes away.

Most lies below the cluster's own folder; the rest is at places that containerd, the CNI library
and the kubelet have fixed, where only what is ours is removed.
"""

import shutil
import socket
from pathlib import Path

from cluster import paths
from cluster.console import run, wait_for
from cluster.processes import end, found

CGROUPS = Path("/sys/fs/cgroup")
CNI_RESULTS = Path("/var/lib/cni/results")
CONTAINER_LOGS = Path("/var/log/containers")
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
PROGRAMS = ("containerd", "etcd", "kube")
"""How the names of the node's programs begin, containerd's shims among them."""

SHIM_SOCKETS = Path("/run/containerd/s")


def remove() -> None:
    """Take everything away; a second time finds nothing."""
    _end_processes()
    _unmount()
    _remove_cgroups()
    _remove_at_fixed_places()
    shutil.rmtree(paths.STATE, ignore_errors=True)


def _end_processes() -> None:
    """End the shims, what runs in their containers, and whatever of ours nothing recorded."""
    for pid, command in _commands():
        # Not by its path: another cache may have been in use when it was started.
        ours = Path(command[0]).name.startswith(PROGRAMS)
        if ours and any(argument.startswith(f"{paths.STATE}/") for argument in _values(command)):
            for each in (*_descendants(pid), pid):
                if process := found(each):
                    end(process, force=True)


def _commands() -> list[tuple[int, list[str]]]:
    commands: list[tuple[int, list[str]]] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        commands.append((int(folder.name), text.split("\0")))
    return commands


def _values(command: list[str]) -> list[str]:
    """Give the arguments, and of `--name=value` the value."""
    return [argument.partition("=")[2] or argument for argument in command]


def _descendants(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    children = [int(child) for child in text.split()]
    return [*children, *(below for child in children for below in _descendants(child))]


def _unmount() -> None:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    points = (line.split()[1].encode().decode("unicode_escape") for line in lines)
    ours = [point for point in points if point.startswith(f"{paths.STATE}/")]
    for point in reversed(ours):
        run(["umount", "--lazy", point])


def _remove_cgroups() -> None:
    """Remove the pods' groups; a group is busy until the kernel has let its last process go."""
    wait_for("the end of the pods' cgroups", lambda: not any(map(_busy, _pod_cgroups())), 20)


def _pod_cgroups() -> list[Path]:
    return [*CGROUPS.glob("kubepods"), *CGROUPS.glob("*/kubepods")]


def _busy(top: Path) -> bool:
    for folder in (*sorted(top.rglob("*/"), reverse=True), top):
        try:
            folder.rmdir()
        except OSError:
            return True
    return False


def _remove_at_fixed_places() -> None:
    for link in CONTAINER_LOGS.glob("*.log"):
        if link.is_symlink() and str(link.readlink()).startswith(f"{paths.STATE}/"):
            link.unlink()
    for result in CNI_RESULTS.glob(f"{paths.CNI_NETWORK}-*-eth0"):
        container = result.name.removeprefix(f"{paths.CNI_NETWORK}-").removesuffix("-eth0")
        (CNI_RESULTS / f"cni-loopback-{container}-lo").unlink(missing_ok=True)
        result.unlink()
    for unheard in filter(_unheard, [*SHIM_SOCKETS.glob("*"), *DEVICE_PLUGINS.glob("*.sock")]):
        unheard.unlink()
    for folder in (CNI_RESULTS, CONTAINER_LOGS, DEVICE_PLUGINS, SHIM_SOCKETS):
        for each in (folder, folder.parent):
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()


def _unheard(path: Path) -> bool:
    """Tell whether nobody listens at a socket any more."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
