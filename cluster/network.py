"""The node's network: a bridge with the node's address, forwarding, and what the CNI plugins do."""

import json
from pathlib import Path

from cluster import paths
from cluster.console import run

SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
    "net/ipv4/conf/all/route_localnet": "1",
}
"""What the pods' network needs."""

KUBELET_SYSCTLS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""What the kubelet switches by itself; set back with the others."""

TABLES = (
    "ip kube-proxy",
    "ip6 kube-proxy",
    "ip cni_hostport",
    "ip6 cni_hostport",
    "inet cni_plugins_masquerade",
)
"""The nftables tables of kube-proxy and of the CNI plugins; taken away whole."""

_BEFORE = paths.STATE / "sysctl.json"


def up() -> None:
    """Make the bridge and switch forwarding on, remembering what it was."""
    if not Path(f"/sys/class/net/{paths.BRIDGE}").exists():
        run(["ip", "link", "add", paths.BRIDGE, "type", "bridge"])
    prefix = paths.POD_CIDR.partition("/")[2]
    run(["ip", "address", "replace", f"{paths.NODE_ADDRESS}/{prefix}", "dev", paths.BRIDGE])
    run(["ip", "link", "set", paths.BRIDGE, "up"])
    if not _BEFORE.exists():
        names = (*SYSCTLS, *KUBELET_SYSCTLS)
        before = {name: _sysctl(name).read_text().strip() for name in names}
        making = _BEFORE.with_suffix(".making")
        making.write_text(json.dumps(before))
        making.rename(_BEFORE)
    for name, value in SYSCTLS.items():
        _sysctl(name).write_text(value)


def down() -> None:
    """Take away the bridge and the tables; set back what was switched."""
    if Path(f"/sys/class/net/{paths.BRIDGE}").exists():
        run(["ip", "link", "delete", paths.BRIDGE])
    present = run(["nft", "list", "tables"])
    for table in TABLES:
        if f"table {table}\n" in present:
            run(["nft", "delete", "table", *table.split()])
    if _BEFORE.exists():
        for name, value in json.loads(_BEFORE.read_text()).items():
            _sysctl(name).write_text(value)
        _BEFORE.unlink()


def cni_config() -> str:
    """Give the plugins' chain: a bridge for the pods, and host ports on loopback too."""
    bridge = {
        "type": "bridge",
        "bridge": paths.BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        "ipMasqBackend": "nftables",
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(paths.STATE / "cni"),
            "ranges": [[{"subnet": paths.POD_CIDR, "gateway": paths.NODE_ADDRESS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    port_map = {
        "type": "portmap",
        "capabilities": {"portMappings": True},
        "snat": True,
        "backend": "nftables",
    }
    chain = {"cniVersion": "1.0.0", "name": paths.CNI_NETWORK, "plugins": [bridge, port_map]}
    return json.dumps(chain, indent=2)


def _sysctl(name: str) -> Path:
    return Path("/proc/sys") / name
