"""What a container uses, read from files as the kernel lays them out."""

from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from osnovci.container import Container, Usage

MIB = 2**20
CGROUPS = "sys/fs/cgroup/"
MACHINE = float(psutil.cpu_count() or 1)


def container(root: Path, files: Mapping[str, object]) -> Container:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return Container(root)


def v2(
    folder: str = "", *, limit: object = 256 * MIB, cpu: str = "50000 100000"
) -> dict[str, object]:
    here = CGROUPS + folder
    return {
        CGROUPS + "cgroup.controllers": "cpu memory",
        here + "cgroup.type": "domain",
        here + "memory.current": 160 * MIB,
        here + "memory.max": limit,
        here + "memory.stat": f"anon 1\ninactive_file {32 * MIB}\nactive_file 5",
        here + "cpu.max": cpu,
        here + "cpu.stat": "usage_usec 2500000\nuser_usec 1",
    }


def v1(folder: str = "", *, limit: object = 256 * MIB, quota: int = 50_000) -> dict[str, object]:
    memory, cpu, cpuacct = (f"{CGROUPS}{each}/{folder}" for each in ("memory", "cpu", "cpuacct"))
    return {
        memory + "memory.usage_in_bytes": 160 * MIB,
        memory + "memory.limit_in_bytes": limit,
        memory + "memory.stat": f"inactive_file 1\ntotal_inactive_file {32 * MIB}",
        cpu + "cpu.cfs_quota_us": quota,
        cpu + "cpu.cfs_period_us": 100_000,
        cpuacct + "cpuacct.usage": 2_500_000_000,
    }


def membership(*lines: str) -> dict[str, object]:
    return {"proc/self/cgroup": "\n".join(lines)}


OF_A_POD = ("4:memory:/kubepods/pod1/c1", "2:cpuacct:/kubepods/pod1/c1", "1:cpu:/kubepods/pod1/c1")
LIMITED = Usage(memory_bytes=128 * MIB, memory_percent=50, cpu_seconds=2.5, cores=0.5)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(v2() | membership("0::/"), id="v2, a namespace of its own"),
        pytest.param(v2() | membership("0::/kubepods/pod1/c1"), id="v2, the path is not in sight"),
        pytest.param(v2("kubepods/pod1/c1/") | membership("0::/kubepods/pod1/c1"), id="v2, a path"),
        pytest.param(v1() | membership(*OF_A_POD), id="v1, the path is not in sight"),
        pytest.param(v1("kubepods/pod1/c1/") | membership(*OF_A_POD), id="v1, a path"),
    ],
)
def test_the_containers_limits_are_found(tmp_path: Path, files: dict[str, object]) -> None:
    assert container(tmp_path, files).usage() == LIMITED


def test_controllers_that_share_a_mount(tmp_path: Path) -> None:
    together = {
        CGROUPS + "cpu,cpuacct/cpu.cfs_quota_us": 50_000,
        CGROUPS + "cpu,cpuacct/cpu.cfs_period_us": 100_000,
        CGROUPS + "cpu,cpuacct/cpuacct.usage": 2_500_000_000,
    }
    lines = membership("4:memory:/kubepods/pod1/c1", "2:cpu,cpuacct:/kubepods/pod1/c1")
    assert container(tmp_path, v1() | together | lines).usage() == LIMITED


def test_the_tightest_of_the_limits_around_counts(tmp_path: Path) -> None:
    """The pod around two containers may be full before either of them is."""
    pod = v2("pod1/", limit=200 * MIB, cpu="20000 100000")
    inner = v2("pod1/c1/", limit="max", cpu="max 100000")
    usage = container(tmp_path, pod | inner | membership("0::/pod1/c1")).usage()
    assert usage.memory_percent == 64
    assert usage.cores == 0.2


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(v2(limit="max", cpu="max 100000") | membership("0::/"), id="v2 says max"),
        pytest.param(
            v1(limit=9223372036854771712, quota=-1) | membership(*OF_A_POD), id="v1 says a lot"
        ),
    ],
)
def test_without_a_limit_the_machine_is_the_limit(tmp_path: Path, files: dict[str, object]) -> None:
    usage = container(tmp_path, files).usage()
    assert usage.memory_bytes == 128 * MIB
    assert 0 < usage.memory_percent <= 100
    assert (usage.cpu_seconds, usage.cores) == (2.5, MACHINE)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="no cgroups"),
        pytest.param({CGROUPS + "cgroup.controllers": "cpu"} | membership("0::/"), id="v2's root"),
        pytest.param(v1() | membership("4:memory:/", "2:cpuacct:/", "1:cpu:/"), id="v1's root"),
    ],
)
def test_outside_a_container_it_is_this_process(tmp_path: Path, files: dict[str, object]) -> None:
    usage = container(tmp_path, files).usage()
    assert MIB < usage.memory_bytes < psutil.virtual_memory().total
    assert usage.memory_bytes != 128 * MIB
    assert usage.cpu_seconds > 0
    assert usage.cores == MACHINE


def test_a_limit_that_changes_is_seen(tmp_path: Path) -> None:
    found = container(tmp_path, v2() | membership("0::/"))
    (tmp_path / CGROUPS / "memory.max").write_text(f"{512 * MIB}\n")
    assert found.usage().memory_percent == 25


def test_a_file_that_goes_away_is_not_zero(tmp_path: Path) -> None:
    found = container(tmp_path, v2() | membership("0::/"))
    (tmp_path / CGROUPS / "memory.current").unlink()
    assert found.usage().memory_bytes > 0


def test_cpu_is_a_share_of_the_cores_it_may_use() -> None:
    before = Usage(0, 0, cpu_seconds=10, cores=0.5)
    after = Usage(0, 0, cpu_seconds=10.2, cores=0.5)
    assert after.cpu_percent_since(before, seconds=1) == pytest.approx(40)
    assert before.cpu_percent_since(after, seconds=1) == 0


def test_this_machine_can_be_read() -> None:
    usage = Container().usage()
    assert usage.memory_bytes > 0
    assert 0 < usage.memory_percent <= 100
