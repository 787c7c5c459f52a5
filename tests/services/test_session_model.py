"""The store of sessions against a plain dictionary, in any order of its operations."""

from dataclasses import dataclass
from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from redis import Redis
from session_builders import LONG_AGO_MS, OPERATIONS, login
from session_builders import settings as session_settings
from waiting import eventually

from osnovci.session_contract import DeviceType, sessions_root
from osnovci.sessions.operations import Refreshed, hashed
from osnovci.sessions.stores import Store

ROOT = sessions_root("homework", "homework")
users = st.sampled_from(["ana", "boris"])
numbers = st.integers(0, 30)


@dataclass
class Known:
    """A session as the model knows it; the order of the dictionary is that of activity."""

    user: str
    device: DeviceType
    role: str
    family: str


class Model(RuleBasedStateMachine):
    redis: Redis

    def __init__(self) -> None:
        super().__init__()
        self.redis.flushall()
        self.store = Store(self.redis)
        self.sessions: dict[str, Known] = {}
        self.families: dict[str, int] = {}
        """The generation of the newest token of each."""
        self.owners: dict[str, str] = {}
        self.names = count()
        self.ended: list[str] = []

    def pick(self, number: int) -> str:
        """A session that lives, or one that does not."""
        known = [*self.sessions, *self.ended[-2:], "none"]
        return known[number % len(known)]

    def forget(self, session_id: str) -> None:
        known = self.sessions.pop(session_id, None)
        self.ended.append(session_id)
        if known:
            self.families.pop(known.family, None)

    def asleep(self, user: str) -> list[str]:
        """The families whose session has run out; the one renewed longest ago is the first."""
        awake = {known.family for known in self.sessions.values()}
        own = (family for family in self.families if self.owners[family] == user)
        return [family for family in own if family not in awake]

    def add(self, session_id: str, known: Known, most: int) -> None:
        self.sessions[session_id] = known
        if not most:
            return
        own = [each for each, other in self.sessions.items() if other.user == known.user]
        asleep = self.asleep(known.user)
        for family in asleep[: max(len(own) + len(asleep) - most, 0)]:
            del self.families[family]
        for each in own[:-most]:
            self.forget(each)

    @rule(
        user=users,
        device=st.sampled_from(DeviceType),
        most=st.integers(0, 3),
        number=numbers,
        replaces=st.booleans(),
        remembered=st.booleans(),
    )
    def log_in(
        self,
        *,
        user: str,
        device: DeviceType,
        most: int,
        number: int,
        replaces: bool,
        remembered: bool,
    ) -> None:
        session_id, before = f"s{next(self.names)}", self.pick(number) if replaces else ""
        family = f"f{next(self.names)}" if remembered else ""
        who = login(user, device_type=device)
        limits = session_settings(most=most)
        made = OPERATIONS.create(session_id, who, limits, replaces=before, family=family)
        assert self.store.run(made).user_id == user
        if before in self.sessions:
            self.forget(before)
        if family:
            self.families[family], self.owners[family] = 1, user
        self.add(session_id, Known(user, device, "student", family), most)

    @rule(number=numbers, role=st.sampled_from(["student", "teacher"]))
    def rotate(self, number: int, role: str) -> None:
        old, new = self.pick(number), f"s{next(self.names)}"
        changes = f'{{"role": "{role}"}}'
        found = self.store.run(OPERATIONS.rotate(old, new, changes, session_settings()))
        assert (found is not None) == (old in self.sessions)
        if old in self.sessions:
            known = self.sessions.pop(old)
            self.ended.append(old)
            self.sessions[new] = Known(known.user, known.device, role, known.family)

    @rule(number=numbers, long_ago=st.booleans())
    def run_out(self, number: int, *, long_ago: bool) -> None:
        """Have the time of a session be over: its key goes by itself, and its indexes know nothing."""
        session_id = self.pick(number)
        if session_id not in self.sessions:
            return
        seconds, _ = self.redis.time()  # type: ignore[misc]
        ages_ms = seconds * 1000 - (600_000 if long_ago else 0)
        era = (list(DeviceType).index(self.sessions[session_id].device) + 1) * 2**43
        self.redis.zadd(f"{ROOT}devices", {hashed(session_id): era + ages_ms}, xx=True)
        self.redis.delete(f"{ROOT}session:{hashed(session_id)}")
        del self.sessions[session_id]
        self.ended.append(session_id)

    @rule(number=numbers)
    def touch(self, number: int) -> None:
        session_id = self.pick(number)
        lives = session_id in self.sessions
        touch = OPERATIONS.touch(session_id, session_settings(), every_seconds=0.001)
        eventually(lambda: self.store.run(touch) == lives)
        if lives:
            self.sessions[session_id] = self.sessions.pop(session_id)

    @rule(number=numbers, user=users)
    def end_what_is_remembered(self, number: int, user: str) -> None:
        families = [*self.families, "none"]
        family = families[number % len(families)]
        mine = self.owners.get(family) == user and family in self.families
        assert self.store.run(OPERATIONS.end(user, family)) == mine
        if mine:
            del self.families[family]
            for each in [each for each, known in self.sessions.items() if known.family == family]:
                self.forget(each)

    @rule(number=numbers, user=users)
    def log_out(self, number: int, user: str) -> None:
        session_id = self.pick(number)
        known = self.sessions.get(session_id)
        mine = known is not None and known.user == user
        assert self.store.run(OPERATIONS.end(user, hashed(session_id))) == mine
        if mine:
            self.forget(session_id)

    @rule(user=users, number=numbers, spare=st.booleans())
    def log_out_everywhere(self, user: str, number: int, *, spare: bool) -> None:
        besides = self.pick(number) if spare else ""
        kept = self.sessions.get(besides)
        own = [each for each, known in self.sessions.items() if known.user == user]
        gone = [each for each in own if each != besides]
        assert self.store.run(OPERATIONS.end_all(user, besides)) == len(gone)
        for each in gone:
            self.forget(each)
        for family, owner in list(self.owners.items()):
            if owner == user and not (kept and kept.family == family):
                self.families.pop(family, None)

    @rule(number=numbers, back=st.integers(-1, 3), most=st.integers(0, 3))
    def refresh(self, number: int, back: int, most: int) -> None:
        """Present a token: the newest, one that Redis has forgotten, or an older one."""
        families = [*self.families, "none"]
        family = families[number % len(families)]
        newest = self.families.get(family, 1)
        given = max(newest - back, 1)
        new = f"{family}-{given}-{next(self.names)}"
        limits = session_settings(most=most)
        found = self.store.run(OPERATIONS.refresh(family, given, new, limits))
        old = next((each for each, known in self.sessions.items() if known.family == family), None)
        if family == "none":
            assert found.outcome == Refreshed.ENDED
        elif given >= newest:
            assert (found.outcome, found.generation) == (Refreshed.ROTATED, given + 1)
            assert found.session
            if old:
                del self.sessions[old]
                self.ended.append(old)
            self.families.pop(family)
            self.families[family] = given + 1
            session = found.session
            known = Known(session.user_id, session.device_type, session.role, family)
            self.add(new, known, most)
        elif given == newest - 1 and found.outcome == Refreshed.ENDED:
            pass  # within the grace, and the id it would give is another one here
        else:
            assert found.outcome == Refreshed.REUSED
            self.families.pop(family)
            if old:
                self.forget(old)

    @rule(number=numbers)
    def read(self, number: int) -> None:
        session_id = self.pick(number)
        found = self.store.run(OPERATIONS.get(session_id, session_settings(), LONG_AGO_MS))
        known = self.sessions.get(session_id)
        assert (found is not None) == (known is not None)
        if found and known:
            told = Known(found.user_id, found.device_type, found.role, found.family)
            assert told == known

    @invariant()
    def the_lists_are_those_of_the_model(self) -> None:
        for user in ("ana", "boris"):
            listed = self.store.run(OPERATIONS.devices(user))
            live = [each.handle for each in listed if each.session]
            own = [hashed(each) for each, known in self.sessions.items() if known.user == user]
            assert live == own[::-1]
            remembered = {each.handle for each in listed if not each.session}
            assert remembered == set(self.asleep(user))

    @invariant()
    def the_counts_are_those_of_the_model(self) -> None:
        devices = [known.device for known in self.sessions.values()]
        counts = {device: devices.count(device) for device in DeviceType}
        assert self.store.run(OPERATIONS.counts()) == counts

    @invariant()
    def redis_has_no_other_session(self) -> None:
        kept = {key.decode() for key in self.redis.keys(f"{ROOT}session:*")}  # type: ignore[union-attr]
        assert kept == {f"{ROOT}session:{hashed(each)}" for each in self.sessions}
        families = self.redis.keys(f"{ROOT}family:*")
        assert len(families) == len(self.families)  # type: ignore[arg-type]


def test_any_order_of_operations(redis: Redis) -> None:
    class OnRedis(Model):
        pass

    OnRedis.redis = redis
    run_state_machine_as_test(
        OnRedis,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
