"""The API server refuses what cannot be of an OsnovciApp, in a sentence, before the operator sees it."""

from typing import Any

import pytest
from web_apps import TestApp

from cluster.console import ClusterError


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"rollout": {"maxSurge": 0}}, "maxSurge and maxUnavailable are both 0"),
        ({"rollout": {"minReady": "5m"}}, "minReady is not below deadline"),
        ({"shutdown": {"drain": "30s"}}, "drain is not below grace"),
        ({"health": {"memoryWarnPercent": 99}}, "memoryWarnPercent is above memoryMaxPercent"),
        ({"ingress": {"host": "No Host"}}, "must be a host name"),
        ({"ingress": {"host": "10.0.0.1"}}, "no address"),
        ({"ingress": {"host": "a" * 64 + ".app"}}, "must be a host name"),
        ({"ingress": {"host": "a.app", "tlsSecretName": "A B"}}, "must be the name of a Secret"),
        ({"ingress": {"host": "a.app", "className": "A B"}}, "name of an IngressClass"),
        (
            {"replicas": 2, "scaling": {"maxReplicas": 4}},
            "replicas and scaling exclude each other",
        ),
        ({"database": {"reservedConnections": 100}}, "reservedConnections leaves nothing"),
        (
            {"pod": {"image": "a", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}},
            "a volume that is none of volumes",
        ),
        ({"migration": {"command": []}}, "should have at least 1 items"),
    ],
    ids=[
        "rollout",
        "min-ready",
        "shutdown",
        "health",
        "ingress",
        "address",
        "label",
        "tls",
        "class",
        "scaling",
        "database",
        "mount",
        "migration",
    ],
)
def test_a_spec_that_cannot_be_is_refused(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ClusterError, match=words):
        TestApp("web-refused").apply(**spec)


def test_a_name_that_no_service_may_have_is_refused() -> None:
    with pytest.raises(ClusterError, match="becomes the name of a Service"):
        TestApp("3-webs").apply()
