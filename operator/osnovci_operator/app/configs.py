"""Which configs are live: that of the revision that is rolled out, and those that pods of before keep. Pure.

A revision is the pods and the config together. A change of the config alone reaches the pods that
run, since they are of the same release; one that comes with other pods reaches those alone.
"""

from osnovci.app_contract import AppDocument
from osnovci_operator.app.budget import Share
from osnovci_operator.app.reports import Configs, sized
from osnovci_operator.app.rollout import Course
from osnovci_operator.app.seen import Seen
from osnovci_operator.labels import release_of


def configs(seen: Seen, course: Course, share: Share | None) -> Configs:
    """Give the configs of a course, each with no more connections than the database allows."""
    chosen = course.revision
    documents = _kept(seen, share) | {chosen.release: _current(chosen.document, seen, share)}
    return Configs(chosen.release, documents)


def standing(seen: Seen, share: Share | None) -> Configs | None:
    """Give the configs as they are until the API server takes another Deployment; None without one."""
    kept = _kept(seen, share)
    release = release_of(seen.deployed.template["metadata"]) if seen.deployed else ""
    return Configs(release, kept) if release in kept else None


def _kept(seen: Seen, share: Share | None) -> dict[str, AppDocument]:
    return {
        release: _current(document, seen, share)
        for release, document in seen.standing.items()
        if release in seen.releases
    }


def _current(document: AppDocument, seen: Seen, share: Share | None) -> AppDocument:
    """Give a config with the rate limits of this moment, which belong to no revision."""
    limited = document.model_copy(update={"policies": seen.policies})
    return sized(limited, share.connections) if share else limited
