"""The command `osnovci simulate`: what it reads, prints and refuses."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import osnovci

POOL = """
kind: QueuePool
spec:
  concurrency: 4
  scaling: {minReplicas: 1, maxReplicas: 8, targetWait: 20s, idle: 2m}
"""
TRACE = "arrival_seconds,service_seconds\n" + "".join(f"{10 + n / 10},2.0\n" for n in range(50))


@pytest.fixture
def simulate(tmp_path: Path) -> "Simulate":
    return Simulate(tmp_path)


class Simulate:
    """Runs the command on a trace and a pool."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *more: str, trace: str = TRACE, pool: str = POOL) -> tuple[int, str, str]:
        """Give the exit status, what was printed, and what was printed as an error."""
        (self.folder / "trace.csv").write_text(trace)
        (self.folder / "pool.yaml").write_text(pool)
        files = ["--trace", f"{self.folder}/trace.csv", "--pool", f"{self.folder}/pool.yaml"]
        ended = osnovci("simulate", *files, *more)
        return ended.returncode, ended.stdout, ended.stderr


def test_policies_side_by_side(simulate: Simulate) -> None:
    status, printed, _ = simulate()
    assert status == 0
    assert (
        "50 jobs in 10 minutes, targetWait 20s, 1 to 8 workers of 4 jobs, start-up 12s" in printed
    )
    rows = [line.split()[0] for line in printed.splitlines()[2:-1]]
    assert rows == ["Osnovci", "HPA", "KEDA", "Knative"]
    assert "pod-seconds" in printed.splitlines()[-1]


def test_the_same_for_programs(simulate: Simulate) -> None:
    _, printed, _ = simulate("--json", "--policies", "knative,osnovci", "--startup", "4s")
    document = json.loads(printed)
    assert document["pool"] == {
        "wait": 20,
        "minimum": 1,
        "maximum": 8,
        "slots": 4,
        "idle": 120,
    }
    assert document["startup_seconds"] == 4
    assert [each["policy"] for each in document["policies"]] == ["Knative", "Osnovci"]
    assert all(each["jobs"] == 50 for each in document["policies"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("queues: [{name: email, timeout: 3m, paused: false}]", "", id="plain queues"),
        pytest.param("queues: [{name: email, maxActive: 2}]", "of queues are left out", id="limit"),
        pytest.param("schedules: [{name: daily}]", "schedules are left out", id="schedules"),
        pytest.param(
            "schedules: [{name: daily}]\n  queues: [{name: email, paused: true}]",
            "schedules are left out: no worker is started ahead for their jobs; paused, maxActive, "
            "rate of queues are left out: a replay has one queue\n",
            id="both in a line",
        ),
    ],
)
def test_what_a_replay_leaves_out_is_said(simulate: Simulate, more: str, said: str) -> None:
    status, _, error = simulate("--json", pool=f"{POOL}  {more}\n")
    assert status == 0
    assert said in error
    assert error.count("\n") == int(bool(said))


def test_floors_are_left_out(simulate: Simulate) -> None:
    floors = "floors: [{name: a, start: 0 7 * * *, end: 0 18 * * *, minReplicas: 2}], idle"
    status, _, said = simulate("--json", pool=POOL.replace("idle", floors))
    assert status == 0
    assert said.endswith(
        "pool.yaml: floors are left out: a replay has no calendar, minReplicas holds all the time\n"
    )


def test_why_jobs_are_late_is_said_with_what_it_would_take(simulate: Simulate) -> None:
    soon = POOL.replace("20s", "2s").replace("maxReplicas: 8", "maxReplicas: 2")
    _, printed, _ = simulate("--policies", "osnovci", "--startup", "3s", pool=soon)
    *_, start, most = printed.splitlines()
    assert start.startswith(
        "A start takes 3s, longer than targetWait 2s: a job that finds no worker"
    )
    told = re.fullmatch(
        r"For targetWait 2s up to (\d+) workers were needed, maxReplicas is 2\.", most
    )
    assert told
    document = json.loads(simulate("--json", "--startup", "3s", pool=soon)[1])
    assert document["needed_workers"] == int(told[1]) > 2
    in_time = simulate("--policies", "osnovci", "--startup", "3s")[1]
    assert "0.00%" in in_time
    assert "needed" not in in_time
    rivals = simulate("--json", "--policies", "hpa,keda", pool=soon)[1]
    assert json.loads(rivals)["needed_workers"] is None


def test_a_replay_goes_on_until_the_last_job_could_have_ended(simulate: Simulate) -> None:
    """KEDA sees no job that runs, kills it after its cooldown, and it runs anew."""
    trace = "arrival_seconds,service_seconds\n0,2000\n"
    pool = POOL.replace("minReplicas: 1", "minReplicas: 0")
    _, printed, _ = simulate("--policies", "osnovci,keda", trace=trace, pool=pool)
    assert "1 job in 43 minutes" in printed
    assert "KEDA 30s had not ended 1 job when the replay did." in printed
    assert "Osnovci had not ended" not in printed


def test_a_trace_as_spreadsheets_write_it_is_the_same(simulate: Simulate) -> None:
    windows = "\ufeff" + TRACE.replace("\n", "\r\n")
    spaced = TRACE.replace(",", ", ")
    first, *rows = TRACE.splitlines(keepends=True)
    unsorted = "".join([first, *reversed(rows)])
    plain = simulate("--json", "--policies", "osnovci")
    for each in (windows, spaced, unsorted):
        assert simulate("--json", "--policies", "osnovci", trace=each) == plain


def test_a_seed_gives_the_same_again(simulate: Simulate) -> None:
    assert simulate("--json", "--seed", "7") == simulate("--json", "--seed", "7")


def test_a_replay_begins_with_the_first_arrival(simulate: Simulate) -> None:
    """So a trace of a clock's seconds ends, and says the same."""
    clock = TRACE.replace("\n1", "\n17900000001")
    assert simulate("--json", trace=clock)[1].count("late_share") == 4


def test_who_reads_no_further_is_no_error(simulate: Simulate) -> None:
    simulate()
    files = [f"--trace={simulate.folder}/trace.csv", f"--pool={simulate.folder}/pool.yaml"]
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-c", "from osnovci.cli import main; main()", "simulate", *files]
    done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(writes)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_plot(simulate: Simulate) -> None:
    path = simulate.folder / "plot.svg"
    simulate("--plot", str(path))
    drawn = path.read_text()
    assert drawn.startswith("<svg")
    assert "KEDA" in drawn


@pytest.mark.parametrize(
    ("more", "trace", "pool", "said"),
    [
        pytest.param(
            [], "a,b\n1,2\n", POOL, "columns arrival_seconds,service_seconds", id="columns"
        ),
        pytest.param([], TRACE + "1,soon\n", POOL, "line 52: service_seconds is 'soon'", id="text"),
        pytest.param([], TRACE + "1,0\n", POOL, "must be above zero", id="no length"),
        pytest.param([], TRACE.splitlines()[0], POOL, "has no jobs", id="no jobs"),
        pytest.param([], TRACE, "spec: {replicas: 3}", "spec.scaling is missing", id="fixed count"),
        pytest.param([], TRACE, "spec: [", "is no YAML", id="no YAML"),
        pytest.param([], TRACE, "spec: [", "line 1, column 8", id="where it is none"),
        pytest.param([], TRACE + "9e9,1\n", POOL, "it may be 14: cut it", id="a trace of years"),
        pytest.param(
            [], TRACE, POOL.replace("targetWait", "targtWait"), "targtWait is no field", id="typo"
        ),
        pytest.param(
            [], TRACE, POOL.replace("QueuePool", "Deployment"), "kind is Deployment", id="kind"
        ),
        pytest.param([], TRACE, POOL.replace("8,", "2000,"), "from 1 to 1000", id="too many"),
        pytest.param(
            [], TRACE, POOL.replace("concurrency: 4", "concurrency: 257"), "to 256", id="many jobs"
        ),
        pytest.param(
            [], TRACE, POOL.replace("concurrency", "concurency"), "spec.concurency is no", id="slip"
        ),
        pytest.param(
            [], TRACE, POOL.replace("idle", "mode: Tell, idle"), "'Tell', it must be", id="mode"
        ),
        pytest.param([], TRACE, "kind: QueuePool\nscaling: {}", "spec.scaling is", id="no spec"),
        pytest.param([], TRACE, "[" * 3000, "nested too deeply", id="too deep"),
        pytest.param(
            [], TRACE, POOL.replace("maxReplicas: 8, ", ""), "maxReplicas is missing", id="none"
        ),
        pytest.param(
            [], TRACE, POOL.replace("8", "0"), "maxReplicas is 0, it must be", id="no maximum"
        ),
        pytest.param([], TRACE, POOL.replace("2m", "soon"), "spec.scaling.idle: ", id="no length"),
        pytest.param(["--startup", "0"], TRACE, POOL, "--startup is 0", id="no start-up"),
        pytest.param(["--policies", "mine"], TRACE, POOL, "'mine' is none of", id="no policy"),
    ],
)
def test_what_is_refused_is_said_in_a_sentence(
    simulate: Simulate, more: list[str], trace: str, pool: str, said: str
) -> None:
    status, printed, error = simulate(*more, trace=trace, pool=pool)
    assert (status, printed) == (2, "")
    assert said in error
    assert error.count("\n") == 1
