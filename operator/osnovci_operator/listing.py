"""The full lists behind the cache: made before anything is decided, and again now and then.

A watch that broke off may miss a deletion; a list does not.
"""

import logging

from osnovci_operator.errors import NotFoundError, RefusedError
from osnovci_operator.kube import Kube
from osnovci_operator.labels import POOL
from osnovci_operator.queuepool.spec import KIND
from osnovci_operator.resource import Key
from osnovci_operator.store import DEPLOYMENT, POD, Store, has_ended

LISTED = ((POD, POOL), (DEPLOYMENT, POOL), (KIND, ""))
"""Kinds and the label that ours carry: children first, so that no pool is seen without them."""

log = logging.getLogger(__name__)


async def refresh(kube: Kube, store: Store, namespaces: tuple[str, ...]) -> set[Key]:
    """Make the store what the API server has; give the keys that are to be reconciled.

    A namespace without rights is skipped and said. Raises NotFoundError where there is no CRD, and
    KubeError where the API server does not answer.
    """
    woken: set[Key] = set()
    for namespace in namespaces:
        try:
            for kind, selector in LISTED:
                known = store.known(kind, namespace)
                woken |= store.replace(known, await kube.list(kind, namespace, selector))
        except NotFoundError:
            _forget_pools(store, namespaces)
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


def _forget_pools(store: Store, namespaces: tuple[str, ...]) -> None:
    """Without a CRD there are no pools."""
    for namespace in namespaces:
        store.replace(store.known(KIND, namespace), [])
