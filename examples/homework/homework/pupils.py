"""The pupils of the example and their classes. Pure: a school of 20, so there is no table of them."""

from dataclasses import dataclass

PUPILS = 20
CLASSES = 4


@dataclass(frozen=True)
class Pupil:
    """One of them; `name` is what the tables call student."""

    number: int

    @property
    def name(self) -> str:
        """As `student-7`."""
        return f"student-{self.number}"

    @property
    def email(self) -> str:
        """Where mail reaches the pupil."""
        return f"{self.name}@osnovci.app"

    @property
    def school_class(self) -> str:
        """As `5-3`."""
        return f"5-{(self.number - 1) % CLASSES + 1}"


ALL = [Pupil(number) for number in range(1, PUPILS + 1)]
BY_NAME = {pupil.name: pupil for pupil in ALL}


def of_class(school_class: str) -> list[Pupil]:
    """Give the pupils of a class; none for a class that is none."""
    return [pupil for pupil in ALL if pupil.school_class == school_class]
