"""The documentation says what the code does: reasons, events, metrics, variables, links."""

import ast
import re
from enum import StrEnum
from pathlib import Path

import pytest

from docs import generate
from osnovci_operator.app.decide import Reason as AppReason
from osnovci_operator.backend import UnreadableReason
from osnovci_operator.kinds import KINDS
from osnovci_operator.queuepool.decide import Bound, Reason
from osnovci_operator.ratelimit.decide import Reason as LimitReason

ROOT = Path(__file__).parents[2]
OPERATOR = ROOT / "operator" / "osnovci_operator"
OPERATIONS = ROOT / "docs" / "operations.md"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
HOST = re.compile(
    r"\b(pypi|pythonhosted|ghcr|quay|gcr|docker|npmjs)\.(org|io|com)\b"
    r"|\b(proxy|registry|deb|index|mirror|mirrors)\.[a-z0-9.-]+\.(io|org|com)\b",
    re.IGNORECASE,
)


def words(path: Path) -> set[str]:
    """Every text of a module that is one word in PascalCase: reasons, events, condition types."""
    found = {
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {word for word in found if re.fullmatch(r"[A-Z][a-z]+([A-Z][a-z]+)*", word)}


def constants(path: Path, prefix: str) -> set[str]:
    """Every text of a module that begins so and is a name."""
    return set(re.findall(rf'"({prefix}[A-Za-z_]+)"', path.read_text()))


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.strip().replace(" ", "-")


def leads(page: Path, link: str) -> bool:
    """Whether the link's file exists and has the heading of its anchor."""
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if not anchor or not target.exists():
        return target.exists()
    return anchor in {slug(each) for each in HEADING.findall(target.read_text())}


@pytest.mark.parametrize("reasons", [Reason, Bound, UnreadableReason, AppReason, LimitReason])
def test_every_reason_has_meaning_and_remedy(reasons: type[StrEnum]) -> None:
    text = OPERATIONS.read_text()
    assert {reason for reason in reasons if f"`{reason}`" not in text} == set()


@pytest.mark.parametrize("module", ["status.py", "reconcile.py"])
@pytest.mark.parametrize("kind", ["queuepool", "app", "ratelimit"])
def test_every_word_for_users_is_in_operations(kind: str, module: str) -> None:
    text = OPERATIONS.read_text()
    named = set(re.findall(r"\w+", text))
    assert words(OPERATOR / kind / module) - named == set()


def test_every_metric_is_listed() -> None:
    text = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    names = constants(OPERATOR / "metrics.py", "osnovci_")
    names |= {
        f"osnovci_{kind.name.lower()}_{state}_replicas"
        for kind in KINDS
        if kind.scales
        for state in ("desired", "ready")
    }
    assert {name for name in names if f"`{name}" not in text} == set()


@pytest.mark.parametrize(
    ("module", "page"),
    [
        ("operator/osnovci_operator/settings.py", "docs/how-to/install.md"),
        ("worker/osnovci/contract.py", "docs/reference/worker-environment.md"),
        ("worker/osnovci/app_contract.py", "docs/reference/web-environment.md"),
        ("worker/osnovci/session_contract.py", "docs/reference/web-environment.md"),
    ],
)
def test_every_variable_is_listed(module: str, page: str) -> None:
    text = (ROOT / page).read_text()
    names = constants(ROOT / module, "OSNOVCI_")
    assert names
    assert {name for name in names if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = LINK.findall(FENCE.sub("", page.read_text()))
    assert [link for link in links if ":" not in link and not leads(page, link)] == []


def test_every_decision_is_in_the_index() -> None:
    decisions = ROOT / "docs" / "decisions"
    index = (decisions / "README.md").read_text()
    assert [each.name for each in decisions.glob("0*.md") if f"({each.name})" not in index] == []


@pytest.mark.parametrize(
    ("page", "text"), generate.files().items(), ids=lambda given: getattr(given, "stem", "")
)
def test_a_reference_is_generated(page: Path, text: str) -> None:
    assert page.read_text() == text, "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_registry(page: Path) -> None:
    assert [match.group() for match in HOST.finditer(page.read_text())] == []
