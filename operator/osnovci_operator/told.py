"""What the pods of an OsnovciApp are told by its channel: a config for each release. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from osnovci.app_contract import AppDocument, AppHeartbeat, checksum
from osnovci.app_observation import Denials
from osnovci.limit_contract import PolicyDocument
from osnovci_operator.app.reports import Configs, Reports

KEPT_DOCUMENTS = 8
"""Of so many documents it is remembered which rate limits they had, for pods that run an older one."""


@dataclass
class Told:
    """What the pods of a release of an app should run."""

    document: AppDocument
    revision: int = 0
    """Under which it is in Redis; 0 while it is not."""
    earlier: dict[str, tuple[PolicyDocument, ...]] = field(
        default_factory=dict[str, tuple[PolicyDocument, ...]]
    )
    """The rate limits of the last documents before, by checksum."""

    def after(self, document: AppDocument) -> "Told":
        """Give what is told from now on."""
        return self if document == self.document else Told(document, earlier=self.policies)

    @cached_property
    def checksum(self) -> str:
        """The document's."""
        return checksum(self.document.model_dump_json())

    @cached_property
    def policies(self) -> dict[str, tuple[PolicyDocument, ...]]:
        """The rate limits of the last documents, this one at the end."""
        found = {**self.earlier, self.checksum: self.document.policies}
        return dict(list(found.items())[-KEPT_DOCUMENTS:])


@dataclass
class ToldApp:
    """What is told to an app's pods."""

    configs: Configs
    above: int
    """The last revision that is known; the next one of any release is greater."""
    told: dict[str, Told]
    """By release."""

    @classmethod
    def after(cls, before: "ToldApp | None", configs: Configs, above: int) -> "ToldApp":
        """Give what is told from now on; `above` is a revision that is known from elsewhere."""
        told = before.told if before else {}
        return cls(
            configs,
            max(above, before.above if before else 0, *(each.revision for each in told.values())),
            {
                release: told[release].after(document) if release in told else Told(document)
                for release, document in configs.documents.items()
            },
        )

    @property
    def policies(self) -> frozenset[str]:
        """Name those in force; they belong to no release."""
        return frozenset(policy.name for policy in self.configs.document.policies)

    def reports(
        self, beats: Mapping[str, tuple[AppHeartbeat, ...]], denials: Mapping[str, Denials]
    ) -> Reports:
        """Give what the pods report, beside what they were told."""
        policies = {
            checksum: limits
            for told in self.told.values()
            for checksum, limits in told.policies.items()
        }
        revision = self.told[self.configs.release].revision
        return Reports(self.configs, revision, beats, denials, policies)
