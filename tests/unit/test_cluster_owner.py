"""Whose cluster a checkout takes away."""

from pathlib import Path

import pytest

from cluster import owner, paths


@pytest.fixture(autouse=True)
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "RECORD", tmp_path / "cache" / "cluster-of")


def test_a_cluster_of_ones_own_is_no_others() -> None:
    assert owner.other() == ""
    owner.claim()
    assert owner.other() == ""


def test_the_checkout_that_made_the_cluster_is_named_until_it_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner.claim()
    monkeypatch.setattr(paths, "ROOT", Path("/srv/another"))
    owner.claim()
    assert owner.other().endswith(Path(__file__).parents[2].name)
    owner.forget()
    owner.claim()
    assert owner.other() == ""
