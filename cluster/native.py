"""The cluster on a machine without Docker: a control plane, containerd, a kubelet, a proxy.

What each setting is for is said beside it; most of them are needed by small machines: cgroup v1,
a root without CAP_SYS_RESOURCE, no registry.
"""

import os
from pathlib import Path

import yaml

from cluster import leftovers, network, paths, tools
from cluster.console import run, step, wait_for
from cluster.controlplane import ControlPlane
from cluster.processes import Processes

SOCKET = paths.STATE / "containerd.sock"
PAUSE_IMAGE = "osnovci/pause:dev"
CONTROL_PLANE = ControlPlane(
    paths.STATE, paths.API_PORT, paths.ETCD_PORT, advertise=paths.NODE_ADDRESS
)
VOLUMES = 4
NODE_PROGRAMS = ("kubelet", "kube-proxy", "containerd")


class Native:
    """The node is this machine."""

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

    def check(self) -> None:
        """Raise ClusterError with the end of its log if a program of the node has ended."""
        for name in NODE_PROGRAMS:
            Processes(paths.STATE).check(name)

    def load(self, archive: Path) -> None:
        """Give containerd an image."""
        ctr = tools.folder(tools.CONTAINERD) / "ctr"
        run([ctr, "-a", SOCKET, "-n", "k8s.io", "images", "import", "--local", archive])

    def volumes(self) -> str:
        """Give the manifests of the storage class and of the volumes on this machine."""
        return "---\n".join(yaml.safe_dump(each) for each in self._volumes())

    def delete(self) -> None:
        """Take away every trace."""
        processes = Processes(paths.STATE)
        for name in NODE_PROGRAMS:
            processes.stop(name)
        CONTROL_PLANE.down()
        network.down()
        leftovers.remove()

    def _containerd(self, binaries: Path, plugins: Path) -> None:
        cni = paths.STATE / "net.d"
        cni.mkdir(exist_ok=True)
        (cni / "10-osnovci.conflist").write_text(network.cni_config())
        text = _CONTAINERD.format(state=paths.STATE, plugins=plugins, pause=PAUSE_IMAGE)
        config = _configured("containerd", "containerd.toml", text)
        path = f"{binaries}:{os.environ['PATH']}"
        processes = Processes(paths.STATE)
        processes.start("containerd", [binaries / "containerd", "-c", config], {"PATH": path})
        wait_for("containerd's socket", SOCKET.exists, 30)

    def _kubelet(self, binaries: Path) -> list[str | Path]:
        config = _configured("kubelet", "kubelet.yaml", yaml.safe_dump(_kubelet_config()))
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
        config = _configured("kube-proxy", "kube-proxy.yaml", yaml.safe_dump(_proxy_config()))
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


_CONTAINERD = """\
version = 3
root = "{state}/containerd"
state = "{state}/containerd-run"
disabled_plugins = ["io.containerd.nri.v1.nri"]
[grpc]
address = "{state}/containerd.sock"
[plugins."io.containerd.cri.v1.runtime"]
# Root without CAP_SYS_RESOURCE may not lower a score.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
Root = "{state}/runc"
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{plugins}"]
conf_dir = "{state}/net.d"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{pause}"
[plugins."io.containerd.internal.v1.opt"]
path = "{state}/opt"
"""


def _configured(program: str, file: str, text: str) -> Path:
    """Give the program's configuration file; where it has changed the program is stopped first.

    An unchanged file is not touched: kube-proxy ends itself when its own is written to.
    """
    path = paths.STATE / file
    if not path.exists() or path.read_text() != text:
        Processes(paths.STATE).stop(program)
        path.write_text(text)
    return path


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
        "podLogsDir": str(paths.STATE / "pod-logs"),
        "volumePluginDir": str(paths.STATE / "volume-plugins"),
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
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }
