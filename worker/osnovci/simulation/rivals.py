"""The policies of others, from their sources: HPA, KEDA, Knative's KPA.

Each begins at a moment of its own within its interval, as in a cluster. All read the queues without
delay, which is generous: a metrics pipeline adds its scrape interval.
"""

import math
import random
from collections import deque

from osnovci.scaling.model import Target
from osnovci.simulation.pools import Reading, look
from osnovci.simulation.world import Leave, World

TOLERANCE = 0.1
SYNC = 15.0
STABILISATION = 300.0


class Hpa:
    """An HPA on an external metric with AverageValue: jobs that wait and run, `slots` a worker.

    kubernetes `pkg/controller/podautoscaler/replica_calculator.go`, GetExternalPerPodMetricReplicas;
    `horizontal.go`, stabilizeRecommendation; 15 s, 0.1 and 5 min by `config/v1alpha1/defaults.go`.
    An HPA has at least one replica without the gate HPAScaleToZero.
    """

    name = "HPA"
    leave = Leave.KILL

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self._minimum = max(target.minimum, 1)
        self._offset = random.Random(seed).uniform(0, SYNC)  # noqa: S311  # a simulation
        self._recommended: deque[tuple[float, int]] = deque()

    def begin(self, world: World) -> None:
        """Take the pool over."""
        world.scale(self._minimum)
        world.at(self._offset, self.sync, world)

    def sync(self, world: World) -> None:
        """Do what the controller does every 15 s."""
        world.at(world.now + SYNC, self.sync, world)
        reading = look(world)
        if reading and world.replicas:
            world.scale(self.recommend(world, self.metric(reading), self.average))

    @property
    def average(self) -> int:
        """The AverageValue: what one worker should have of the metric."""
        return self._target.slots

    def metric(self, reading: Reading) -> int:
        """Give the external metric."""
        return reading.waiting + reading.active

    def recommend(self, world: World, metric: float, average: int) -> int:
        """Give the replicas after tolerance, limits and stabilisation."""
        current = len(world.pods)
        ratio = metric / (average * current) if current else 2.0
        wanted = current if abs(1 - ratio) <= TOLERANCE else math.ceil(metric / average)
        wanted = max(self._minimum, min(wanted, self._target.maximum))
        self._recommended.append((world.now, wanted))
        while self._recommended[0][0] <= world.now - STABILISATION:
            self._recommended.popleft()
        stable = max(wanted for _, wanted in self._recommended)
        return min(stable, max(2 * current, 4), self._target.maximum)


class Keda(Hpa):
    """KEDA's Redis list scaler: LLEN, five a worker, an HPA above one, its own hand at zero.

    kedacore/keda `pkg/scalers/redis_scaler.go` (metric and activity are LLEN alone),
    `pkg/scaling/executor/scale_scaledobjects.go` (0 to max(1, minimum) at once; to the minimum of 0
    directly after the cooldown of 300 s).
    """

    LIST_LENGTH = 5
    COOLDOWN = 300.0

    def __init__(self, target: Target, seed: int, polling: float = 30.0) -> None:
        super().__init__(target, seed)
        self.name = f"KEDA {polling:g}s"
        self._polling = polling
        self._poll_offset = random.Random(seed + 1).uniform(0, polling)  # noqa: S311  # a simulation
        self._active_at = -math.inf

    def begin(self, world: World) -> None:
        """Take the pool over."""
        world.scale(self._target.minimum)
        world.at(self._offset, self.sync, world)
        world.at(self._poll_offset, self.poll, world)

    def poll(self, world: World) -> None:
        """Do what KEDA's own loop does: wake from zero, and go to zero."""
        world.at(world.now + self._polling, self.poll, world)
        reading = look(world)
        if not reading:
            return
        if reading.waiting:
            self._active_at = world.now
            if not world.replicas:
                self._recommended.clear()
                world.scale(self._minimum)
        elif (
            world.replicas
            and not self._target.minimum
            and world.now - self._active_at >= self.COOLDOWN
        ):
            world.scale(0)

    @property
    def average(self) -> int:
        """The listLength's default."""
        return self.LIST_LENGTH

    def metric(self, reading: Reading) -> int:
        """Give the length of the list: jobs that run are invisible."""
        return reading.waiting


class Knative:
    """Knative's pod autoscaler on concurrency: jobs that wait and run, 70 % of the slots a worker.

    knative/serving `pkg/autoscaler/scaling/autoscaler.go`: stable window 60 s, panic window 6 s,
    panic at twice what is ready, no decrease in panic, up 1000 x, down to a half; tick 2 s
    (`multiscaler.go`); to zero 30 s after the stable window. Its pods drain.
    """

    name = "Knative"
    leave = Leave.DRAIN
    TICK = 2
    STABLE = 60
    PANIC = 6
    PANIC_AT = 2
    SHARE = 0.7
    ZERO_GRACE = 30.0

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self._offset = random.Random(seed).uniform(0, 1)  # noqa: S311  # a simulation
        self._samples: deque[int] = deque([0] * self.STABLE, maxlen=self.STABLE)
        self._number = 0
        self._panic_since: float | None = None
        self._panic_pods = 0
        self._zero_since: float | None = None

    def begin(self, world: World) -> None:
        """Take the pool over."""
        world.scale(self._target.minimum)
        world.at(self._offset, self.sample, world)

    def sample(self, world: World) -> None:
        """Measure every second, decide every other."""
        world.at(world.now + 1, self.sample, world)
        reading = look(world)
        if not reading:
            return
        self._samples.append(reading.waiting + reading.active)
        self._number += 1
        if self._number % self.TICK == 0:
            world.scale(self._desired(world))

    def _desired(self, world: World) -> int:
        recent = list(self._samples)
        wanted = self.SHARE * self._target.slots
        stable = math.ceil(sum(recent) / self.STABLE / wanted - 1e-9)
        panic = math.ceil(sum(recent[-self.PANIC :]) / self.PANIC / wanted - 1e-9)
        ready = max(world.ready, 1)
        over = panic / ready >= self.PANIC_AT
        stable, panic = (max(each, ready // 2 if each else 0) for each in (stable, panic))
        desired = self._in_panic(stable, panic, world.now, over=over)
        desired = max(self._target.minimum, min(desired, self._target.maximum))
        if desired or not world.replicas:
            self._zero_since = None
            return desired
        self._zero_since = world.now if self._zero_since is None else self._zero_since
        return 0 if world.now - self._zero_since >= self.ZERO_GRACE else 1

    def _in_panic(self, stable: int, panic: int, now: float, *, over: bool) -> int:
        if over and self._panic_since is None:
            self._panic_since, self._panic_pods = now, 0
        elif over:
            self._panic_since = now
        elif self._panic_since is not None and now - self._panic_since > self.STABLE:
            self._panic_since = None
        if self._panic_since is None:
            return stable
        if max(stable, panic) > self._panic_pods:
            self._panic_since = now
            self._panic_pods = max(stable, panic)
        return self._panic_pods
