"""What is kept of compiled modules."""

import os
import time
from pathlib import Path

from cluster.compiled import KEPT_SECONDS, forget_unused


def test_what_another_checkout_has_compiled_is_kept_while_it_is_used(tmp_path: Path) -> None:
    used, unused, tool = (
        tmp_path / name for name in ("compiled-aaaaaaaaaaaa", "compiled-bbbbbbbbbbbb", "kwok-v1")
    )
    for each in (used, unused, tool):
        (each / "osnovci").mkdir(parents=True)
    long_ago = time.time() - KEPT_SECONDS - 60
    for each in (unused, tool):
        os.utime(each, (long_ago, long_ago))
    forget_unused(tmp_path)
    assert sorted(tmp_path.iterdir()) == [used, tool]
