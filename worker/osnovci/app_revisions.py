"""The last good revisions of an OsnovciApp, as the ConfigMap NAME-revisions keeps them. Pure.

The operator writes them; `osnovci rollback` puts one back, and workers that follow an app run it.
Whoever may edit ConfigMaps may write there what they like, so one counts only if the annotation
`NOTED` of the app's Deployment has its digest.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from osnovci.contract import Document

CURRENT = "current"
FORMER = "former"
NOTED = "osnovci.app/good-revisions"
"""Those that were good, the last first, each as NAME:DIGEST."""

NOTED_MAX = 4
"""Those that are kept, and those of before: the ConfigMap is written after it, and an operator of
another version has other names for both."""


def revisions_name(app: str) -> str:
    """Name the ConfigMap of an app."""
    return f"{app}-revisions"


class GoodRevision(Document):
    """A revision whose pods were all available, and ran its config."""

    name: str
    """What tells it from others: `status.revision` of the app while the spec asks for it."""
    spec: dict[str, Any]
    """The fields of the app's spec that made it; None is one that was not set."""

    @property
    def mark(self) -> str:
        """Give how it is noted."""
        content = json.dumps([self.name, self.spec], sort_keys=True)
        return f"{self.name}:{sha256(content.encode()).hexdigest()}"


@dataclass(frozen=True)
class GoodRevisions:
    """The last good revision, and the one before it."""

    current: GoodRevision | None = None
    former: GoodRevision | None = None
    refused: tuple[str, ...] = field(default=(), compare=False)
    """What stands in the ConfigMap and is not used, each in a sentence."""

    @classmethod
    def parse(cls, data: Mapping[str, str], notes: Mapping[str, str]) -> "GoodRevisions":
        """Read a ConfigMap's data, as far as the annotations of the app's Deployment vouch for it."""
        marks = notes.get(NOTED, "").split()
        found: dict[str, GoodRevision] = {}
        refused: list[str] = []
        for place in (CURRENT, FORMER):
            if text := data.get(place):
                try:
                    found[place] = _read(text, marks)
                except ValueError as error:
                    refused.append(f"its revision `{place}` is not used: {error}")
        return cls(found.get(CURRENT), found.get(FORMER), tuple(refused))

    def after(self, good: GoodRevision) -> "GoodRevisions":
        """Take in that a revision is good."""
        if not self.current or self.current.spec == good.spec:
            return GoodRevisions(good, self.former)
        return GoodRevisions(good, self.current)

    def data(self) -> dict[str, str]:
        """Write the ConfigMap's data; what somebody else wrote in place of none is overwritten."""
        each = {CURRENT: self.current, FORMER: self.former}
        return {key: good.model_dump_json() if good else "" for key, good in each.items()}

    def notes(self, before: Mapping[str, str]) -> dict[str, str]:
        """Write the annotation; `before` are those that the Deployment has."""
        marks = [each.mark for each in (self.current, self.former) if each]
        marks += [each for each in before.get(NOTED, "").split() if each not in marks]
        return {NOTED: " ".join(marks[:NOTED_MAX])} if marks else {}

    def to_put_back(self, asked: str) -> GoodRevision | None:
        """Give what to go back to from a revision that a spec asks for; None where nothing is kept."""
        if self.current and self.current.name != asked:
            return self.current
        return self.former


def _read(text: str, marks: list[str]) -> GoodRevision:
    """Read one. Raises ValueError, whose message says why it does not count."""
    try:
        found = GoodRevision.model_validate_json(text)
    except ValidationError:
        raise ValueError("it cannot be read") from None
    if found.mark in marks:
        return found
    if any(mark.startswith(f"{found.name}:") for mark in marks):
        raise ValueError(f"{found.name} was changed since the operator found it good")
    raise ValueError(f"{found.name} is none that the operator found good")
