"""How the repository is laid out, where a tool does not check it already."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("operator", "worker", "cluster", "tests")
MODULE_LINES = 300


def files(pattern: str) -> list[Path]:
    return sorted(path for part in PARTS for path in (ROOT / part).rglob(pattern))


def test_the_operators_folder_does_not_shadow_the_standard_library() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_a_module_can_be_read_in_one_sitting() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in files("*.py")}
    assert {path: count for path, count in lines.items() if count > MODULE_LINES} == {}


@pytest.mark.parametrize("script", files("*.lua"), ids=lambda path: path.name)
def test_a_script_begins_with_a_table_of_its_keys(script: Path) -> None:
    lines = script.read_text().splitlines()
    top = lines[: next(i for i, line in enumerate(lines) if not line.startswith("--"))]
    words = {word for line in top for word in line.split()[1:2]}
    assert words & {"KEYS", "ARGV"}
    assert "Returns" in words
