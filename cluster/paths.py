"""Where things are, and the numbers that everything agrees on."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KUBECONFIG = ROOT / ".cluster" / "kubeconfig"
CACHE = Path(os.environ.get("OSNOVCI_CACHE") or Path.home() / ".cache" / "osnovci")
STATE = Path("/var/lib/osnovci-cluster")
"""The running cluster. A short path, since the kubelet's sockets lie below it."""

API_PORT = 6443
ETCD_PORT = 12379
BRIDGE = "osnovci0"
CNI_NETWORK = "osnovci"
NODE_NAME = "node1"
NODE_ADDRESS = "10.90.0.1"
POD_CIDR = "10.90.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
HOST_PORTS = (16379, 15432, 8080)
"""Redis, PostgreSQL and the web application of the example, on the host's loopback."""
