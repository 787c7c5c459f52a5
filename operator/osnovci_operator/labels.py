"""The labels and annotations that the operator's objects carry. Pure."""

MANAGER = "osnovci-operator"
POOL = "osnovci.app/pool"

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
"""The annotation by which Kubernetes chooses among ready pods which to end: the lowest first."""

FIRST_TO_GO = "-2147483647"


def pool_labels(pool: str) -> dict[str, str]:
    """Label what belongs to a pool; also the pool's selector."""
    return {POOL: pool}


def object_labels(pool: str) -> dict[str, str]:
    """Label an object made for a pool, as the wider Kubernetes tools expect it."""
    return {
        "app.kubernetes.io/name": "osnovci-worker",
        "app.kubernetes.io/instance": pool,
        "app.kubernetes.io/managed-by": MANAGER,
        **pool_labels(pool),
    }
