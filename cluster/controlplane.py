"""A control plane: etcd, API server, and the controllers if asked. No node is needed for it.

Used by the native cluster, and alone by tests that need only a real API server.
"""

import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from cluster import certificates, paths, tools
from cluster.console import ClusterError, wait_for
from cluster.processes import Processes

READY_SECONDS = 60.0


@dataclass(frozen=True)
class ControlPlane:
    """One control plane, in a folder of its own and on ports of its own."""

    folder: Path
    api_port: int
    etcd_port: int
    advertise: str = "127.0.0.1"
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """More arguments, by component."""

    @property
    def pki(self) -> Path:
        """Where its certificates and kubeconfigs are."""
        return self.folder / "pki"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.pki / "admin.kubeconfig"

    def up(self, *, controllers: bool) -> None:
        """Start what does not run yet; return when the API server is ready."""
        binaries = tools.kubernetes()
        certificates.create(self.pki, self.api_port)
        processes = Processes(self.folder)

        def start(name: str, arguments: list[str]) -> None:
            processes.start(name, [binaries / name, *arguments, *self.extra.get(name, ())])

        start("etcd", self._etcd())
        start("kube-apiserver", self._api_server())
        wait_for("the API server's readiness", lambda: self._ready(processes), READY_SECONDS)
        if controllers:
            for name, arguments in self._controllers().items():
                start(name, arguments)

    def down(self) -> None:
        """Stop everything of it."""
        processes = Processes(self.folder)
        for name in ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
            processes.stop(name)

    def _ready(self, processes: Processes) -> bool:
        for name in ("etcd", "kube-apiserver"):
            processes.check(name)
        context = ssl.create_default_context(cafile=str(self.pki / "ca.crt"))
        context.load_cert_chain(self.pki / "admin.pem")
        url = f"https://127.0.0.1:{self.api_port}/readyz"
        try:
            with urllib.request.urlopen(url, context=context, timeout=2) as answer:
                return answer.status == HTTPStatus.OK
        except ssl.SSLCertVerificationError as error:
            raise ClusterError(
                f"another API server answers at port {self.api_port}: stop it, or `make down` where it was started"
            ) from error
        except (urllib.error.URLError, OSError):
            return False

    def _etcd(self) -> list[str]:
        client = f"http://127.0.0.1:{self.etcd_port}"
        peer = f"http://127.0.0.1:{self.etcd_port + 1}"
        return [
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _api_server(self) -> list[str]:
        pki = self.pki
        return [
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            "--bind-address=0.0.0.0",
            f"--secure-port={self.api_port}",
            f"--advertise-address={self.advertise}",
            *(["--endpoint-reconciler-type=none"] if self.advertise == "127.0.0.1" else []),
            f"--service-cluster-ip-range={paths.SERVICE_CIDR}",
            f"--client-ca-file={pki / 'ca.crt'}",
            f"--tls-cert-file={pki / 'server.pem'}",
            f"--tls-private-key-file={pki / 'server.pem'}",
            f"--kubelet-client-certificate={pki / 'apiserver.pem'}",
            f"--kubelet-client-key={pki / 'apiserver.pem'}",
            "--kubelet-preferred-address-types=InternalIP",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki / 'service-account.key'}",
            f"--service-account-signing-key-file={pki / 'service-account.key'}",
            f"--requestheader-client-ca-file={pki / 'ca.crt'}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={pki / 'front-proxy.pem'}",
            f"--proxy-client-key-file={pki / 'front-proxy.pem'}",
            "--enable-aggregator-routing=true",
        ]

    def _controllers(self) -> dict[str, list[str]]:
        pki = self.pki
        manager = [
            f"--kubeconfig={pki / 'controller-manager.kubeconfig'}",
            f"--authentication-kubeconfig={pki / 'controller-manager.kubeconfig'}",
            f"--authorization-kubeconfig={pki / 'controller-manager.kubeconfig'}",
            f"--service-account-private-key-file={pki / 'service-account.key'}",
            f"--root-ca-file={pki / 'ca.crt'}",
            "--use-service-account-credentials=true",
            f"--secure-port={self.api_port + 1}",
            "--leader-elect=false",
            "--node-monitor-grace-period=40s",
        ]
        scheduler = [
            f"--kubeconfig={pki / 'scheduler.kubeconfig'}",
            f"--authentication-kubeconfig={pki / 'scheduler.kubeconfig'}",
            f"--authorization-kubeconfig={pki / 'scheduler.kubeconfig'}",
            f"--secure-port={self.api_port + 2}",
            "--leader-elect=false",
        ]
        return {"kube-controller-manager": manager, "kube-scheduler": scheduler}
