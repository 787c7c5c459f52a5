"""What is remembered of an object is that object's alone."""

from osnovci_operator.memory import Memory
from osnovci_operator.resource import Key

EMAIL, OTHER = Key("QueuePool", "shop", "email"), Key("QueuePool", "shop", "other")


def test_what_is_kept_is_recalled_until_it_is_forgotten() -> None:
    memory = Memory[int]()
    assert memory.recall(EMAIL, "a", 7) == 7
    memory.keep(EMAIL, "a", 0)
    assert (memory.recall(EMAIL, "a", 7), memory.recall(OTHER, "a", 7)) == (0, 7)
    memory.forget(EMAIL)
    memory.forget(OTHER)
    assert memory.recall(EMAIL, "a", 7) == 7


def test_an_object_made_anew_under_the_name_of_another_begins_anew() -> None:
    memory = Memory[int]()
    memory.keep(EMAIL, "a", 3)
    assert memory.recall(EMAIL, "b", 7) == 7
    memory.keep(EMAIL, "b", 4)
    assert (memory.recall(EMAIL, "a", 7), memory.recall(EMAIL, "b", 7)) == (7, 4)
