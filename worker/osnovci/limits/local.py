"""The same limits counted in a process's own memory, for while Redis cannot be asked. No clock."""

from collections import OrderedDict, deque

from osnovci.limits.limit import Decision, Limit, Question, State, Window

SUBJECTS_MAX = 10_000

RUNS_MAX = 200_000
"""Of all subjects together, in some 25 MB: Redis may be away for as long as a window."""


class Runs:
    """What one subject has used: units in runs that are forgotten together, a run a ms or a tick."""

    def __init__(self) -> None:
        self._runs: deque[list[int]] = deque()
        """Each the number of its run and its units, oldest first."""
        self._used = 0

    def meet(self, limit: Limit, most: int) -> None:
        """Be held against a limit, which may have changed since; its ticks have not, by its key."""
        self._tick_ms = limit.tick_ms
        self._window_ms = limit.window_ms
        self._most = most

    def look(self, now_ms: int, cost: int) -> State:
        """Forget what is over, and tell how it is."""
        runs = self._runs
        while runs and self._gone_ms(runs[0][0]) <= now_ms:
            self._used -= runs.popleft()[1]
        reset = self._gone_ms(runs[0][0]) - now_ms if runs else 0
        short, retry = self._used + cost - self._most, 0
        if short > 0 and not runs:
            retry = self._window_ms
        for run, units in runs:
            if short <= 0:
                break
            short, retry = short - units, self._gone_ms(run) - now_ms
        return State(max(self._most - self._used, 0), reset, retry)

    def charge(self, now_ms: int, cost: int) -> None:
        """Count a cost, of which `look` has just told that it fits."""
        run = now_ms // self._tick_ms
        if self._runs and self._runs[-1][0] == run:
            self._runs[-1][1] += cost
        else:
            self._runs.append([run, cost])
        self._used += cost

    def take_back(self, cost: int) -> None:
        """Count no more what was charged last; nobody waits longer for it."""
        while self._runs and cost > 0:
            taken = min(cost, self._runs[-1][1])
            cost, self._used = cost - taken, self._used - taken
            self._runs[-1][1] -= taken
            if not self._runs[-1][1]:
                self._runs.pop()

    def __len__(self) -> int:
        return len(self._runs)

    def _gone_ms(self, run: int) -> int:
        return (run + 1) * self._tick_ms - 1 + self._window_ms


class LocalWindows:
    """The windows of the subjects that came last."""

    def __init__(self, processes: int, most: int = SUBJECTS_MAX, most_runs: int = RUNS_MAX) -> None:
        self._processes = processes
        self._most = most
        self._most_runs = most_runs
        self._held = 0
        """How many runs there are."""
        self._windows: OrderedDict[str, Runs] = OrderedDict()

    def ask(self, question: Question, now_ms: int) -> Decision:
        """Decide as check.lua does; each process of a pod has its share of every limit."""
        runs = [self._runs(window) for window in question.windows]
        held = sum(map(len, runs))
        states = [each.look(now_ms, question.cost) for each in runs]
        pairs = list(zip(question.windows, states, strict=True))
        fits = not any(state.retry_ms for window, state in pairs if not window.limit.is_tried)
        tried_fit = not any(state.retry_ms for window, state in pairs if window.limit.is_tried)
        if question.counts and fits:
            for n, (window, each) in enumerate(zip(question.windows, runs, strict=True)):
                if tried_fit or not window.limit.is_tried:
                    each.charge(now_ms, question.cost)
                    after = each.look(now_ms, 0)
                    states[n] = State(after.remaining, after.reset_ms, states[n].retry_ms)
        self._held += sum(map(len, runs)) - held
        self._forget_the_oldest()
        return Decision(fits, question.windows, states)

    def forget(self, window: Window) -> None:
        """Let a subject begin anew."""
        self._held -= len(self._windows.pop(window.key, ()))

    def take_back(self, window: Window, cost: int) -> None:
        """Count no more what was charged last."""
        if runs := self._windows.get(window.key):
            self._held -= len(runs)
            runs.take_back(cost)
            self._held += len(runs)

    def _runs(self, window: Window) -> Runs:
        runs = self._windows.get(window.key)
        if runs is None:
            runs = self._windows[window.key] = Runs()
        else:
            self._windows.move_to_end(window.key)
        runs.meet(window.limit, max(window.limit.max // self._processes, 1))
        return runs

    def _forget_the_oldest(self) -> None:
        while len(self._windows) > self._most or self._held > self._most_runs:
            _, gone = self._windows.popitem(last=False)
            self._held -= len(gone)

    def __len__(self) -> int:
        return len(self._windows)
