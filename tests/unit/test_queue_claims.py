"""What Redis says a worker holds, and the worker does not know of, goes back; what is on its way does not."""

from osnovci.queues.engine.claims import Claims

LOST = "job:1"
ENTRY = {"id": "job", "execution": "1"}


def listed(*members: str) -> frozenset[str]:
    return frozenset(members)


def test_what_is_unknown_twice_in_a_row_goes_back_once_its_reply_begins_nothing() -> None:
    claims = Claims()
    assert claims.give_up(listed(LOST), ()) == listed()
    assert claims.give_up(listed(LOST), ()) == {LOST}
    assert claims.given_up == {LOST}


def test_what_was_only_on_its_way_stays() -> None:
    claims = Claims()
    assert claims.give_up(listed(LOST), ()) == listed()
    assert claims.give_up(listed(LOST), (LOST,)) == listed()
    assert claims.give_up(listed(LOST), ()) == listed()


def test_an_end_that_is_not_told_yet_is_known() -> None:
    claims = Claims()
    claims.settle(ENTRY)
    assert [claims.give_up(listed(LOST), ()) for _ in range(3)] == [listed()] * 3
    claims.settled([ENTRY])
    assert [claims.give_up(listed(LOST), ()) for _ in range(2)] == [listed(), {LOST}]
