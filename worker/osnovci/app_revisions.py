"""The last good revisions of an OsnovciApp, as the ConfigMap NAME-revisions keeps them. Pure.

The operator writes them; `osnovci rollback` puts one back, and workers that follow an app run it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from osnovci.contract import Document

CURRENT = "current"
FORMER = "former"


def revisions_name(app: str) -> str:
    """Name the ConfigMap of an app."""
    return f"{app}-revisions"


class GoodRevision(Document):
    """A revision whose pods were all available, and ran its config."""

    name: str
    """What tells it from others: `status.revision` of the app while the spec asks for it."""
    spec: dict[str, Any]
    """The fields of the app's spec that made it; None is one that was not set."""


@dataclass(frozen=True)
class GoodRevisions:
    """The last good revision, and the one before it."""

    current: GoodRevision | None = None
    former: GoodRevision | None = None

    @classmethod
    def parse(cls, data: Mapping[str, str]) -> "GoodRevisions":
        """Read a ConfigMap's data; what somebody else wrote there is none."""
        return cls(_read(data.get(CURRENT)), _read(data.get(FORMER)))

    def after(self, good: GoodRevision) -> "GoodRevisions":
        """Take in that a revision is good."""
        if not self.current or self.current.spec == good.spec:
            return GoodRevisions(good, self.former)
        return GoodRevisions(good, self.current)

    def data(self) -> dict[str, str]:
        """Write the ConfigMap's data."""
        each = {CURRENT: self.current, FORMER: self.former}
        return {key: good.model_dump_json() for key, good in each.items() if good}

    def to_put_back(self, asked: str) -> GoodRevision | None:
        """Give what to go back to from a revision that a spec asks for; None where nothing is kept."""
        if self.current and self.current.name != asked:
            return self.current
        return self.former


def _read(text: str | None) -> GoodRevision | None:
    try:
        return GoodRevision.model_validate_json(text) if text else None
    except ValidationError:
        return None
