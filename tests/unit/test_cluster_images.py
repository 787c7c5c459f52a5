"""An image is built again when anything it is made of changed, and only then."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.images import IMAGES

ROOT = Path(__file__).parents[2]
MADE_OF = ("cluster", "worker", "operator", "examples", "requirements")
PRINT_KEYS = "import json, cluster.images as i; print(json.dumps({n: i.key(n) for n in i.IMAGES}))"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what images are made of."""
    for name in MADE_OF:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return keys(ROOT)


def keys(checkout: Path) -> dict[str, str]:
    command = [sys.executable, "-c", PRINT_KEYS]
    return json.loads(subprocess.check_output(command, cwd=checkout))


@pytest.mark.parametrize(
    ("changed", "rebuilt"),
    [
        pytest.param("examples/homework/homework/jobs.py", {"homework"}, id="the example's source"),
        pytest.param("worker/compile.py", {"worker", "homework"}, id="what compiles the sources"),
        pytest.param("operator/Containerfile", {"operator"}, id="a Containerfile"),
        pytest.param(
            "worker/osnovci/observe.lua",
            {"operator", "worker", "homework"},
            id="a source of several, and of a base",
        ),
        pytest.param(
            "cluster/images/python.Containerfile",
            {"python", "operator", "worker", "homework"},
            id="a base of bases",
        ),
        pytest.param(
            "worker/osnovci/__pycache__/left.pyc", set[str](), id="what Python left there"
        ),
        pytest.param("cluster/console.py", set[str](), id="what no image is made of"),
    ],
)
def test_what_a_change_rebuilds(
    checkout: Path, before: dict[str, str], changed: str, rebuilt: set[str]
) -> None:
    path = checkout / changed
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write("\n# changed\n")
    after = keys(checkout)
    assert {name for name in after if after[name] != before[name]} == rebuilt


def test_a_new_file_counts(checkout: Path, before: dict[str, str]) -> None:
    (checkout / "operator" / "osnovci_operator" / "new.py").touch()
    assert keys(checkout)["operator"] != before["operator"]


LIST_IMPORTS = """
import json, sys
import osnovci_operator.__main__
files = [m.__file__ for n, m in sys.modules.items() if n.split(".")[0].startswith("osnovci")]
print(json.dumps(files))
"""


def test_the_operators_image_has_all_that_the_operator_imports() -> None:
    imported = json.loads(subprocess.check_output([sys.executable, "-c", LIST_IMPORTS]))
    sources = IMAGES["operator"].sources
    missing = [
        file for file in map(Path, imported) if not any(file.is_relative_to(s) for s in sources)
    ]
    assert not missing
