"""Certificates and kubeconfigs of a control plane, by the library trustme."""

from base64 import b64encode
from pathlib import Path

import trustme
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cluster import paths

CLIENTS = {
    "admin": ("kubernetes-admin", "system:masters"),
    "apiserver": ("kube-apiserver", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", None),
    "scheduler": ("system:kube-scheduler", None),
    "kubelet": (f"system:node:{paths.NODE_NAME}", "system:nodes"),
    "proxy": ("system:kube-proxy", None),
    "front-proxy": ("front-proxy-client", None),
}
"""Who speaks to the API server: common name and group."""

SERVER_NAMES = (
    "127.0.0.1",
    paths.NODE_ADDRESS,
    paths.API_SERVICE,
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


def create(folder: Path, api_port: int) -> None:
    """Write everything into a folder, unless it is complete already."""
    complete = folder / "complete"
    if complete.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.crt")
    authority.private_key_pem.write_to_path(folder / "ca.key")
    authority.issue_cert(*SERVER_NAMES).private_key_and_cert_chain_pem.write_to_path(
        folder / "server.pem"
    )
    for name, (common_name, group) in CLIENTS.items():
        # The name is there because Go refuses a certificate whose alternative names are empty.
        cert = authority.issue_cert(
            f"{name}.client", common_name=common_name, organization_name=group
        )
        cert.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
        _kubeconfig(folder, name, api_port)
    _service_account_key(folder / "service-account.key")
    complete.touch()


def _kubeconfig(folder: Path, name: str, api_port: int) -> None:
    ca = (folder / "ca.crt").read_text()
    pem = _base64((folder / f"{name}.pem").read_text())
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "osnovci",
        "contexts": [{"name": "osnovci", "context": {"cluster": "osnovci", "user": name}}],
        "clusters": [
            {
                "name": "osnovci",
                "cluster": {
                    "server": f"https://127.0.0.1:{api_port}",
                    "certificate-authority-data": _base64(ca),
                },
            }
        ],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate-data": pem,
                    "client-key-data": pem,
                },
            }
        ],
    }
    path = folder / f"{name}.kubeconfig"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    path.chmod(0o600)


def _service_account_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
