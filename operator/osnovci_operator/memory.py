"""What is remembered of objects from one reconcile to the next; the next leading replica has none."""

from typing import Generic, TypeVar

from osnovci_operator.resource import Key

T = TypeVar("T")


class Memory(Generic[T]):
    """A value for each object; one made anew under the name of another begins anew."""

    def __init__(self) -> None:
        self._kept: dict[Key, tuple[str, T]] = {}

    def recall(self, key: Key, uid: str, otherwise: T) -> T:
        """Give what is remembered of an object."""
        of, value = self._kept.get(key, (uid, otherwise))
        return value if of == uid else otherwise

    def keep(self, key: Key, uid: str, value: T) -> None:
        """Remember it, instead of what was."""
        self._kept[key] = (uid, value)

    def forget(self, key: Key) -> None:
        """Let go of an object that is no more."""
        self._kept.pop(key, None)
