"""The full lists behind the cache: made before anything is decided, and again now and then.

A watch that broke off may miss a deletion; a list does not.
"""

import logging
from typing import Any

from osnovci_operator.errors import NotFoundError, RefusedError
from osnovci_operator.kinds import KINDS, OPTIONAL, POD, labels_of_children
from osnovci_operator.kube import Kube
from osnovci_operator.resource import GROUP, Key
from osnovci_operator.store import Store, has_ended

log = logging.getLogger(__name__)


async def refresh(kube: Kube, store: Store, namespaces: tuple[str, ...]) -> set[Key]:
    """Make the store what the API server has; give the keys that are to be reconciled.

    A namespace without rights is skipped and said. Raises NotFoundError, which names it, where there
    is no CRD, and KubeError where the API server does not answer.
    """
    woken: set[Key] = set()
    for namespace in namespaces:
        try:
            # Children first, so that no object of ours is seen without them.
            woken |= await _refresh_children(kube, store, namespace)
            woken |= await _refresh_own(kube, store, namespace)
        except NotFoundError:
            _forget_all(store, namespaces)
            raise
        except RefusedError as error:
            log.warning(
                "namespace %s is not served: %s; apply manifests/namespace there, "
                "or take it out of OSNOVCI_NAMESPACES",
                namespace,
                error,
            )
    return woken


async def pod_runs(kube: Kube, namespace: str, name: str) -> bool:
    """Tell whether a pod exists and has not ended: asks the API server, whatever the cache has."""
    found = await kube.list(POD, namespace, name=name)
    return any(not has_ended(body) for body in found)


async def _refresh_children(kube: Kube, store: Store, namespace: str) -> set[Key]:
    woken: set[Key] = set()
    for child, labels in labels_of_children().items():
        known = store.known(child, namespace)
        lists = [await _labelled(kube, child, namespace, label) for label in labels]
        woken |= store.replace(known, [body for listed in lists for body in listed])
    return woken


async def _labelled(kube: Kube, child: str, namespace: str, label: str) -> list[dict[str, Any]]:
    try:
        return await kube.list(child, namespace, label)
    except NotFoundError:
        if child not in OPTIONAL:
            raise
        return []


async def _refresh_own(kube: Kube, store: Store, namespace: str) -> set[Key]:
    woken: set[Key] = set()
    for kind in KINDS:
        known = store.known(kind.name, namespace)
        try:
            woken |= store.replace(known, await kube.list(kind.name, namespace))
        except NotFoundError as error:
            raise NotFoundError(error.status, f"there is no CRD {kind.plural}.{GROUP}") from error
    return woken


def _forget_all(store: Store, namespaces: tuple[str, ...]) -> None:
    """Without a CRD of ours nothing is reconciled: what was seen until now may be long gone."""
    for namespace in namespaces:
        for kind in KINDS:
            store.replace(store.known(kind.name, namespace), [])
