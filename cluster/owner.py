"""Which checkout made the cluster: a machine has one, and any checkout may take it away."""

from cluster import paths

RECORD = paths.CACHE / "cluster-of"


def claim() -> None:
    """Note that this checkout made the cluster, unless one is noted."""
    if not RECORD.exists():
        RECORD.parent.mkdir(parents=True, exist_ok=True)
        RECORD.write_text(str(paths.ROOT))


def other() -> str:
    """Name the checkout that made the cluster where that is another one; else nothing."""
    made_by = RECORD.read_text() if RECORD.exists() else ""
    return "" if made_by == str(paths.ROOT) else made_by


def forget() -> None:
    """The cluster is gone."""
    RECORD.unlink(missing_ok=True)
