"""Which requests a limit is for, and whose they are."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from osnovci.app_contract import AppDocument
from osnovci.limit_contract import LimitDocument, MatchDocument, Mode, Per, PolicyDocument
from osnovci.limits import clients
from osnovci.limits.limit import Limit, LimitError, Question
from osnovci.limits.matching import matcher
from osnovci.limits.policies import Policies
from osnovci.web.limits import WebLimits

TRUSTED = clients.networks(["10.0.0.0/8", "fd00::/8", "::ffff:172.16.0.0/108"])


@pytest.mark.parametrize(
    ("told", "path", "method", "is_met"),
    [
        ([], "/x", "GET", True),
        ([MatchDocument()], "/x", "PUT", True),
        ([MatchDocument(path="/api/")], "/api", "GET", True),
        ([MatchDocument(path="/api")], "/api/", "GET", True),
        ([MatchDocument(path="/api")], "/api/x", "GET", True),
        ([MatchDocument(path="/api")], "/apis", "GET", False),
        ([MatchDocument(path="/api/x")], "//api///x//y", "GET", True),
        ([MatchDocument(path="/api/x")], "/api/x//", "GET", True),
        ([MatchDocument(path="/api/x")], "//apis//x", "GET", False),
        ([MatchDocument(path="/api")], "/", "GET", False),
        ([MatchDocument(path="/a"), MatchDocument(path="/b")], "/b", "GET", True),
        ([MatchDocument(path="/a", methods=("POST",))], "/a", "GET", False),
        ([MatchDocument(path="/a", methods=("POST", "GET"))], "/a/b", "GET", True),
        ([MatchDocument(methods=("POST",))], "/a", "POST", True),
        ([MatchDocument(methods=("POST",))], "/a", "GET", False),
        ([MatchDocument(methods=("GET",))], "/a", "HEAD", True),
        ([MatchDocument(methods=("HEAD",))], "/a", "GET", False),
        ([MatchDocument(methods=("POST",))], "/a", "HEAD", False),
        ([MatchDocument(methods=("GET", "POST"))], "/a", "OPTIONS", False),
        ([MatchDocument(path="/a")], "/a", "OPTIONS", True),
    ],
)
def test_a_limit_is_for_whole_segments_and_methods(
    told: list[MatchDocument],
    path: str,
    method: str,
    is_met: bool,  # noqa: FBT001  # a column of the table
) -> None:
    assert matcher(told)(path, method) == is_met


def test_a_route_is_not_given_a_cost_that_never_fits() -> None:
    with pytest.raises(LimitError, match="the cost is 4; it is from 1 to its max, 3"):
        WebLimits().limited(Limit("exports", max=3, window_ms=1_000), cost=4)


@pytest.mark.parametrize(
    ("peer", "forwarded", "subject"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),  # whoever is not trusted may invent
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "9.9.9.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "9.9.9.9, 198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("10.0.0.1", "10.9.9.9,10.8.8.8", "10.9.9.9"),
        ("10.0.0.1", "198.51.100.1, rubbish", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("fd00::1%eth0", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("10.0.0.1", "10.0.0.9, 9.9.9.9, 10.0.0.9, 198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, , 10.1.2.3", "10.1.2.3"),
        ("10.0.0.1", "198.51.100.1, 010.1.2.3", "10.0.0.1"),  # no address: read as octal by some
        ("10.0.0.1", "198.51.100.1, ::ffff:a01:203", "198.51.100.1"),  # 10.1.2.3 as IPv6
        ("::ffff:172.16.0.1", "198.51.100.1", "198.51.100.1"),  # trusted as ::ffff:172.16.0.0/108
        ("172.16.0.1", "198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", clients.NOBODY),
    ],
)
def test_a_client_is_who_the_last_trusted_proxy_saw(
    peer: str, forwarded: str, subject: str
) -> None:
    assert clients.subject(clients.client(peer, forwarded, TRUSTED)) == subject


@given(forwarded=st.text(), peer=st.ip_addresses().map(str))
def test_no_field_of_a_strangers_changes_whose_the_request_is(forwarded: str, peer: str) -> None:
    assert clients.client(peer, forwarded, ()) == clients.parse(peer)


@given(forwarded=st.text(max_size=200))
def test_what_is_invented_left_of_the_proxys_own_word_counts_for_nothing(forwarded: str) -> None:
    assert str(clients.client("10.0.0.1", f"{forwarded},198.51.100.1", TRUSTED)) == "198.51.100.1"


def policies(*told: PolicyDocument, proxies: tuple[str, ...] = ()) -> Policies:
    return Policies("homework", AppDocument(app="web", policies=told, trusted_proxies=proxies))


def document(name: str, per: Per = Per.IP, **told: object) -> LimitDocument:
    return LimitDocument.model_validate(
        {"name": name, "max": 5, "window_ms": 1000, "per": per, **told}
    )


def test_a_request_meets_the_limits_that_match_by_address_or_user() -> None:
    found = policies(
        PolicyDocument(name="a", limits=(document("all"), document("mine", Per.USER))),
        PolicyDocument(name="b", mode=Mode.DRY_RUN, limits=(document("tried"),)),
    )
    client = found.client("203.0.113.7", "")
    of_a_user = found.windows(client, "ana", "/", "GET")
    assert [window.subject for window in of_a_user] == ["203.0.113.7", "user ana", "203.0.113.7"]
    assert [window.limit.is_tried for window in of_a_user] == [False, False, True]
    of_nobody = found.windows(client, None, "/", "GET")
    assert [window.subject for window in of_nobody] == ["203.0.113.7"] * 3


def test_an_exempt_client_meets_the_other_policies_only() -> None:
    found = policies(
        PolicyDocument(name="a", exempt=("203.0.113.0/24",), limits=(document("x"),)),
        PolicyDocument(name="b", limits=(document("x"),)),
    )
    met = found.windows(found.client("203.0.113.7", ""), None, "/", "GET")
    assert [window.limit.policy for window in met] == ["b"]
    assert [rule.limit.label for rule in found.rules] == ["a/x", "b/x"]


def test_a_user_named_like_an_address_shares_no_window_with_it() -> None:
    found = policies(PolicyDocument(name="a", limits=(document("x", Per.USER),)))
    client = found.client("203.0.113.7", "")
    [of_user] = found.windows(client, "203.0.113.7", "/", "GET")
    [of_address] = found.windows(client, None, "/", "GET")
    assert of_user.key != of_address.key


@pytest.mark.parametrize("user", ["x" * 10_000, "\ud800", "\x1b[31m", "a\n"])
def test_a_name_that_is_long_or_does_not_print_is_a_digest_in_its_key(user: str) -> None:
    found = policies(PolicyDocument(name="a", limits=(document("x", Per.USER),)))
    [window] = found.windows(found.client("", ""), user, "/", "GET")
    assert len(window.key) < 120
    assert window.key.isprintable()
    [other] = found.windows(found.client("", ""), f"{user}.", "/", "GET")
    assert other.key != window.key


def test_what_a_client_sends_is_not_kept_where_it_is_long() -> None:
    found = policies(PolicyDocument(name="a", limits=(document("x"),)), proxies=("10.0.0.0/8",))
    tracemalloc.start()
    for n in range(200):
        client = found.client("10.0.0.1", f"{n}{'9' * 100_000},198.51.100.1")
        assert client.subject == "198.51.100.1"
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 1_000_000


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"exempt": ("10.0.0.1/8",)}, "host bits"),
        ({"exempt": ("nonsense",)}, "nonsense"),
        ({"limits": [{"name": "x", "max": 0, "window_ms": 1}]}, "greater than or equal to 1"),
        ({"limits": [{"name": "x", "max": 1, "window_ms": 2_592_000_001}]}, "less than or equal"),
        (
            {"limits": [{"name": "x", "max": 2_000_000, "window_ms": 1, "exact": True}]},
            "at most 1,000,000",
        ),
    ],
)
def test_a_policy_that_cannot_be_is_refused_as_a_document(
    told: dict[str, object], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        PolicyDocument.model_validate({"name": "a", "limits": [], **told})


@pytest.mark.parametrize(
    ("name", "most", "window_ms"),
    [("", 1, 1), ("a:b", 1, 1), ("a\n", 1, 1), ("x", 0, 1), ("x", 1, 0)],
)
def test_a_limit_of_code_is_checked_too(name: str, most: int, window_ms: int) -> None:
    with pytest.raises(LimitError):
        Limit(name, most, window_ms)


@pytest.mark.parametrize("cost", [0, -1, 6])
def test_a_cost_that_can_never_fit_is_an_error(cost: int) -> None:
    with pytest.raises(LimitError, match=f"cost is {cost}"):
        Question.of([Limit("x", 5, 1000).window("homework", "web", "ana")], cost)
