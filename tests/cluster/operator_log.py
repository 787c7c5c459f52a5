"""What the operator's replicas logged."""

import json
from collections.abc import Iterable
from datetime import datetime

from cluster.console import ClusterError
from cluster.kubectl import kubectl

OPERATOR = "osnovci-system"


def errors_since(moment: datetime, pods: Iterable[str]) -> list[str]:
    """Give the messages of level ERROR and above that any of these replicas logged since."""
    since = f"--since-time={moment.isoformat()}"
    lines = (line for pod in pods for line in _log(pod, since).splitlines())
    return [line for line in lines if _is_error(line)]


def _log(pod: str, since: str) -> str:
    """Read a pod's log; one that went meanwhile has none any more, one that comes none yet."""
    try:
        return kubectl("-n", OPERATOR, "logs", pod, since)
    except ClusterError as error:
        if any(words in str(error) for words in ("NotFound", "waiting to start")):
            return ""
        raise


def _is_error(line: str) -> bool:
    """What is not JSON was not logged but printed by something that broke, unless the kubelet says it."""
    if line.startswith("unable to retrieve container logs"):  # The pod goes at this moment.
        return False
    return not line.startswith("{") or json.loads(line)["level"] in {"ERROR", "CRITICAL"}


def restarts() -> dict[str, int]:
    """Give how often each replica was started anew, by its pod."""
    pods = json.loads(kubectl("-n", OPERATOR, "get", "pods", "-o", "json"))["items"]
    return {
        pod["metadata"]["name"]: each["restartCount"]
        for pod in pods
        for each in pod["status"].get("containerStatuses", ())
    }
