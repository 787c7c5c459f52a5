"""The cluster on a machine without Docker: a control plane, containerd, a kubelet, a proxy.

What each setting is for is said beside it; most of them are needed by small machines: cgroup v1,
a root without CAP_SYS_RESOURCE, no registry.
"""

import os
import shutil
import signal
from pathlib import Path

import yaml

from cluster import network, paths, tools
from cluster.console import run, step, wait_for
from cluster.controlplane import ControlPlane
from cluster.processes import Processes, Started, end, start_ticks

SOCKET = paths.STATE / "containerd.sock"
PAUSE_IMAGE = "osnovci/pause:dev"
CONTROL_PLANE = ControlPlane(
    paths.STATE, paths.API_PORT, paths.ETCD_PORT, advertise=paths.NODE_ADDRESS
)
VOLUMES = 4
NODE_PROCESSES = ("kube-proxy", "kubelet", "containerd")


class Native:
    """The node is this machine."""

    name = "native"
    kubeconfig = CONTROL_PLANE.kubeconfig

    def create(self) -> None:
        """Start what does not run yet."""
        containerd, plugins, kubernetes = (
            tools.folder(tools.CONTAINERD),
            tools.folder(tools.CNI),
            tools.kubernetes(),
        )
        paths.STATE.mkdir(parents=True, exist_ok=True)
        network.up()
        with step("Starting the control plane", "about 5 s"):
            CONTROL_PLANE.up(controllers=True)
        with step("Starting the node", "about 10 s"):
            self._containerd(containerd, plugins)
            processes = Processes(paths.STATE)
            processes.start("kubelet", self._kubelet(kubernetes))
            processes.start("kube-proxy", self._proxy(kubernetes))

    def load(self, archive: Path) -> None:
        """Give containerd an image."""
        ctr = tools.folder(tools.CONTAINERD) / "ctr"
        run([ctr, "-a", SOCKET, "-n", "k8s.io", "images", "import", "--local", archive])

    def has(self, reference: str) -> bool:
        """Tell whether containerd has an image of that reference."""
        ctr = tools.folder(tools.CONTAINERD) / "ctr"
        images = run([ctr, "-a", SOCKET, "-n", "k8s.io", "images", "ls", "-q"])
        return any(line.endswith(reference) for line in images.splitlines())

    def volumes(self) -> str:
        """Give the manifests of the storage class and of the volumes on this machine."""
        return "---\n".join(yaml.safe_dump(each) for each in self._volumes())

    def delete(self) -> None:
        """Take away every trace."""
        processes = Processes(paths.STATE)
        processes.stop("kubelet")
        processes.stop("kube-proxy")
        self._end_containers()
        processes.stop("containerd")
        CONTROL_PLANE.down()
        self._unmount()
        network.down()
        _remove_cgroups()
        shutil.rmtree(paths.STATE, ignore_errors=True)
        _remove_leftovers()

    def _containerd(self, binaries: Path, plugins: Path) -> None:
        cni = paths.STATE / "net.d"
        cni.mkdir(exist_ok=True)
        (cni / "10-osnovci.conflist").write_text(network.cni_config())
        config = paths.STATE / "containerd.toml"
        config.write_text(_CONTAINERD.format(state=paths.STATE, plugins=plugins, pause=PAUSE_IMAGE))
        path = f"{binaries}:{os.environ['PATH']}"
        processes = Processes(paths.STATE)
        processes.start("containerd", [binaries / "containerd", "-c", config], {"PATH": path})
        wait_for("containerd's socket", SOCKET.exists, 30)

    def _kubelet(self, binaries: Path) -> list[str | Path]:
        config = paths.STATE / "kubelet.yaml"
        _write(config, yaml.safe_dump(_kubelet_config()))
        return [
            binaries / "kubelet",
            f"--config={config}",
            f"--kubeconfig={CONTROL_PLANE.pki / 'kubelet.kubeconfig'}",
            f"--root-dir={paths.STATE / 'kubelet'}",
            f"--cert-dir={paths.STATE / 'kubelet-pki'}",
            f"--hostname-override={paths.NODE_NAME}",
            f"--node-ip={paths.NODE_ADDRESS}",
        ]

    def _proxy(self, binaries: Path) -> list[str | Path]:
        config = paths.STATE / "kube-proxy.yaml"
        _write(config, yaml.safe_dump(_proxy_config()))
        return [binaries / "kube-proxy", f"--config={config}"]

    def _volumes(self) -> list[dict[str, object]]:
        storage_class: dict[str, object] = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "standard"},
            "provisioner": "kubernetes.io/no-provisioner",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
        return [storage_class, *(self._volume(number) for number in range(VOLUMES))]

    def _volume(self, number: int) -> dict[str, object]:
        folder = paths.STATE / "volumes" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [paths.NODE_NAME]}
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"local-{number}"},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "standard",
                "local": {"path": str(folder)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [node]}]}},
            },
        }

    def _end_containers(self) -> None:
        """End the shims of our containerd and what runs below them; their mounts go afterwards."""
        for shim in _shims():
            for pid in _descendants(shim):
                _kill(pid)
            _kill(shim)

    def _unmount(self) -> None:
        lines = Path("/proc/self/mounts").read_text().splitlines()
        points = (line.split()[1].encode().decode("unicode_escape") for line in lines)
        ours = [point for point in points if point.startswith(f"{paths.STATE}/")]
        for point in reversed(ours):
            run(["umount", "--lazy", point])


_CONTAINERD = """\
version = 3
root = "{state}/containerd"
state = "{state}/containerd-run"
[grpc]
address = "{state}/containerd.sock"
[plugins."io.containerd.cri.v1.runtime"]
# Root without CAP_SYS_RESOURCE may not lower a score.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{plugins}"]
conf_dir = "{state}/net.d"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{pause}"
"""


def _kubelet_config() -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": paths.NODE_ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(CONTROL_PLANE.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "makeIPTablesUtilChains": False,
        "clusterDNS": [paths.DNS_SERVICE],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        # The disk is not the cluster's alone: nothing is evicted for what others fill.
        "evictionHard": {"memory.available": "100Mi"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "maxPods": 250,
        "serializeImagePulls": False,
        "syncFrequency": "10s",
    }


def _proxy_config() -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": paths.NODE_ADDRESS,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "clientConnection": {"kubeconfig": str(CONTROL_PLANE.pki / "proxy.kubeconfig")},
        "clusterCIDR": paths.POD_CIDR,
        "hostnameOverride": paths.NODE_NAME,
        "mode": "nftables",
        # The machine's connection tracking stays as it is.
        "conntrack": {"maxPerCore": 0, "min": 0},
    }


def _write(path: Path, content: str) -> None:
    """Write a file only if it changes: kube-proxy ends itself when its configuration is touched."""
    if not path.exists() or path.read_text() != content:
        path.write_text(content)


def _shims() -> list[int]:
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"containerd-shim" in command[0] and str(SOCKET).encode() in command:
            found.append(int(folder.name))
    return found


def _descendants(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    children = [int(child) for child in text.split()]
    return [*children, *(below for child in children for below in _descendants(child))]


def _kill(pid: int) -> None:
    if ticks := start_ticks(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        end(Started(pid, ticks))


def _remove_leftovers() -> None:
    """Take away what containerd and the plugins keep at places of their own."""
    results = Path("/var/lib/cni/results")
    for ours in results.glob("osnovci-*"):
        ours.unlink()
    shim_folders = (Path("/run/containerd/runc/k8s.io"), Path("/run/containerd/s"))
    for folder in (*shim_folders, shim_folders[0].parent, results, results.parent):
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()


def _remove_cgroups() -> None:
    for top in Path("/sys/fs/cgroup").glob("*/kubepods"):
        for folder in sorted(top.rglob("*/"), reverse=True):
            folder.rmdir()
        top.rmdir()
    for folder in Path("/sys/fs/cgroup").glob("*/k8s.io"):
        folder.rmdir()
