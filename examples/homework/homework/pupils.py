"""The pupils of the example and their classes. Pure: a school of 20, and a teacher."""

from dataclasses import dataclass

PUPILS = 20
CLASSES = 4
STUDENT = "student-"


@dataclass(frozen=True)
class Pupil:
    """One of them; `name` is what the tables call student."""

    number: int

    @property
    def name(self) -> str:
        """As `student-7`."""
        return f"{STUDENT}{self.number}"

    @property
    def email(self) -> str:
        """Where mail reaches the pupil."""
        return email_of(self.name)

    @property
    def school_class(self) -> str:
        """As `5-3`."""
        return f"5-{(self.number - 1) % CLASSES + 1}"


ALL = [Pupil(number) for number in range(1, PUPILS + 1)]


def email_of(name: str) -> str:
    """Tell where mail reaches someone of the school."""
    return f"{name}@osnovci.app"


def named(name: str) -> Pupil | None:
    """Give the pupil of a name, also one who joined later; None where it is no pupil's."""
    number = name.removeprefix(STUDENT)
    is_one = name.startswith(STUDENT) and number.isascii() and number.isdecimal()
    return Pupil(int(number)) if is_one else None


def of_class(school_class: str) -> list[Pupil]:
    """Give the pupils of a class; none for a class that is none."""
    return [pupil for pupil in ALL if pupil.school_class == school_class]
