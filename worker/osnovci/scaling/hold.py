"""What was needed a while ago: the highest need of a sliding window. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Needed:
    """The needs of the last seconds as a falling staircase: its first step is their maximum."""

    steps: tuple[tuple[float, int], ...] = ()

    def after(self, need: int, now: float, seconds: float) -> "Needed":
        """Add the need of this moment and forget what is older than `seconds`."""
        kept = tuple(step for step in self.steps if step[1] > need and now - step[0] < seconds)
        return Needed((*kept, (now, need)))

    @property
    def most(self) -> int:
        """The highest need that is remembered."""
        return self.steps[0][1] if self.steps else 0

    @property
    def since(self) -> float:
        """When the highest need was last seen."""
        return self.steps[0][0]
