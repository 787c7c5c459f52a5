"""What an app's pods report of themselves, and whether the config is in force. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from osnovci.app_contract import AppDocument, AppHeartbeat, checksum
from osnovci.app_observation import Denials
from osnovci.limit_contract import PolicyDocument

NONE: Mapping[str, tuple[AppHeartbeat, ...]] = {}
NO_DENIALS: Mapping[str, Denials] = {}
NO_POLICIES: Mapping[str, tuple[PolicyDocument, ...]] = {}


@dataclass(frozen=True)
class Configs:
    """The configs of an app, by the release whose pods run each."""

    release: str
    """The one that is rolled out."""
    documents: Mapping[str, AppDocument]

    @property
    def document(self) -> AppDocument:
        """The config that is rolled out; pods of another release keep theirs until they go."""
        return self.documents[self.release]


@dataclass(frozen=True)
class Reports:
    """The heartbeats of an app's pods at one moment, and the configs that they should run."""

    configs: Configs
    """What is published."""
    revision: int = 0
    """Under which that of the release which is rolled out is; 0 while it is not yet."""
    beats: Mapping[str, tuple[AppHeartbeat, ...]] = field(default_factory=lambda: NONE)
    """By pod, one for each server process that reports."""
    denials: Mapping[str, Denials] = field(default_factory=lambda: NO_DENIALS)
    """By policy; one that cannot be read is missing."""
    policies: Mapping[str, tuple[PolicyDocument, ...]] = field(default_factory=lambda: NO_POLICIES)
    """The rate limits of the documents published lately, by checksum: a pod may run one of before."""

    @property
    def document(self) -> AppDocument:
        """The config that is rolled out."""
        return self.configs.document

    def is_about(self, document: AppDocument) -> bool:
        """Whether this config is published, whatever pool sizes and rate limits are at the moment."""
        return _of_spec(self.document) == _of_spec(document)

    def of(self, pods: Iterable[str]) -> dict[str, tuple[AppHeartbeat, ...]]:
        """Give the heartbeats of these pods, as far as they report."""
        return {pod: self.beats[pod] for pod in sorted(pods) if self.beats.get(pod)}

    def refusals(self, pods: Iterable[str]) -> dict[str, str]:
        """Give which of the pods refuse the published config, each with its words."""
        return {
            pod: beat.refused.error
            for pod, beats in self.of(pods).items()
            for beat in beats
            if self.revision and beat.refused and beat.refused.revision == self.revision
        }

    def refusal(self, pods: Collection[str]) -> str | None:
        """Say which of the pods refuses the published config first, and why; None where none does."""
        refusals = self.refusals(pods)
        for pod, error in refusals.items():
            others = f"; {len(refusals)} of {len(pods)} pods do" if len(refusals) > 1 else ""
            return f"pod {pod} refuses the config: {error}{others}"
        return None

    def is_refused(self, pods: Collection[str]) -> bool:
        """Whether more than half of these pods refuse the published config.

        So a pod that is broken is outvoted by those that take it, and one that has not answered yet
        is no vote for giving up.
        """
        return 2 * len(self.refusals(pods)) > len(pods)

    def behind(self, pods: Iterable[str]) -> list[str]:
        """Name those of the pods that report and do not run the published config."""
        # What a pod began with, by its environment, has no revision and may be the same document.
        current = checksum(self.document.model_dump_json())
        return [
            pod
            for pod, beats in self.of(pods).items()
            if any(beat.config_checksum != current for beat in beats)
        ]

    def astray(self) -> list[str]:
        """Name the pods that report and run none of the published configs."""
        known = {checksum(each.model_dump_json()) for each in self.configs.documents.values()}
        return [
            pod
            for pod, beats in self.of(self.beats).items()
            if any(beat.config_checksum not in known for beat in beats)
        ]

    def in_force(self, pods: Iterable[str]) -> bool:
        """Whether the config is published and each of the pods that report runs it."""
        return bool(self.revision) and not self.behind(pods)


def _of_spec(document: AppDocument) -> AppDocument:
    return sized(document, 1).model_copy(update={"policies": ()})


def sized(document: AppDocument, connections: int) -> AppDocument:
    """Give a document with at most so many connections a process; without a database, as it is."""
    if not document.database or document.database.connections_per_process <= connections:
        return document
    database = document.database.model_copy(update={"connections_per_process": connections})
    return document.model_copy(update={"database": database})
