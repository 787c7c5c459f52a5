"""What the database module decides without a database: fingerprints, retries, lag, URLs."""

from dataclasses import asdict

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osnovci.app_contract import ENV_DATABASE, DatabaseDocument
from osnovci.database.errors import (
    AcquireTimeoutError,
    CommitOutcomeUnknownError,
    ConnectionLostError,
    ConnectTimeoutError,
    QueryTimeoutError,
    UnreachableError,
)
from osnovci.database.fingerprint import fingerprint
from osnovci.database.replica import UNREACHED, PrimaryLog, Sight, read_token, write_token
from osnovci.database.retries import broke, may_retry, wait_seconds
from osnovci.database.settings import DatabaseSettings, DatabaseUrl, DatabaseUrls
from osnovci.database.statistics import AcquireTimes
from osnovci.errors import SettingsError


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 1", "select ?"),
        ("select  *\n\tFROM t WHERE a=1", "select * from t where a = ?"),
        ("SELECT * FROM t WHERE a = $1 AND b=$23", "select * from t where a = ? and b = ?"),
        ("SELECT 'it''s', E'it\\'s', U&'d\\0061t', N'x', B'01', X'ff'", "select ?"),
        ("SELECT $$a 'b' $1$$ || $q$ $$ $q$", "select ? || ?"),
        ("SELECT 1.5e-3, .5, 0xFF, 1_000, 1E10, 3.", "select ?"),
        ("SELECT a1, t2.b3 FROM s4.t2", "select a1, t2.b3 from s4.t2"),
        ("SELECT a FROM t WHERE a IN (1, 2,3)", "select a from t where a in (?)"),
        ("SELECT a FROM t WHERE a = ANY(ARRAY[1,2])", "select a from t where a = any (array[?])"),
        ("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')", "insert into t (a, b) values (?)"),
        ("SELECT a -- of 'Ana'\nFROM t", "select a from t"),
        ("SELECT /* a /* 'nested' */ one */ a", "select a"),
        ("SELECT 1 WHERE a=-1 AND b - 1 > -2.5", "select ? where a = ? and b - ? > ?"),
        ("SELECT a FROM t WHERE a IN (-1, +2, - -3)", "select a from t where a in (?)"),
        ('SELECT "Name of 7" FROM "T""1"', 'select "Name of 7" from "T""1"'),
        ("SELECT data->'a'->>'b', data ?| ARRAY['c']", "select data -> ? ->> ?, data ?| array[?]"),
        ("SELECT '5'::int, date'2026-01-01'", "select ?::int, date ?"),
        ("SELECT 'not ended, and secret", "select ?"),
        ("SELECT 1 /* not ended, and secret", "select ?"),
        ("SELECT $a$ not ended $$", "select ?"),
        ("SELECT 1;", "select ?"),
        ("ALTER USER ana PASSWORD 'secret'", "alter user ana password ?"),
        ("", ""),
    ],
)
def test_a_fingerprint_has_no_values(statement: str, expected: str) -> None:
    assert fingerprint(statement) == expected


SECRET = "0secret0"
TEXTS = st.text(st.characters(exclude_characters="'\\$\0"), max_size=10).map(
    lambda text: SECRET + text
)
LITERALS = st.one_of(
    TEXTS.map(lambda text: f"'{text}'"),
    TEXTS.map(lambda text: f"'{text}''{text}'"),
    TEXTS.map(lambda text: f"E'{text}\\'{text}'"),
    TEXTS.map(lambda text: f"$${text}$$"),
    TEXTS.map(lambda text: f"$tag${text}$$'{text}$tag$"),
    TEXTS.map(lambda text: "/* " + text.replace("*", "").replace("/", "") + " */"),
    TEXTS.map(lambda text: "-- " + text.replace("\r", "").replace("\n", "") + "\n"),
    st.integers(10**9, 10**12).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
PIECES = st.sampled_from(
    [
        "select",
        "Where",
        "a1",
        '"q 1"',
        "=",
        "-",
        "+",
        "?",
        "?|",
        "(",
        ")",
        ",",
        "[",
        "]",
        "::",
        ".",
        ";",
    ]
)
STATEMENTS = st.lists(LITERALS | PIECES, max_size=30).map(" ".join)
unhurried = settings(deadline=None)


@unhurried
@given(STATEMENTS)
def test_no_literal_leaks_and_a_fingerprint_is_its_own(statement: str) -> None:
    found = fingerprint(statement)
    assert SECRET not in found
    assert not [word for word in found.split() if word.strip("-+(),.").isdigit()]
    assert fingerprint(found) == found


@unhurried
@given(st.text(max_size=60))
def test_any_text_has_a_fingerprint_that_is_its_own(text: str) -> None:
    assert fingerprint(fingerprint(text)) == fingerprint(text)


@unhurried
@given(st.lists(st.integers(), min_size=1), st.lists(st.text("abc' \\"), min_size=1))
def test_statements_that_differ_in_values_are_one(numbers: list[int], texts: list[str]) -> None:
    quoted = ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
    statement = f"SELECT a FROM t WHERE n IN ({', '.join(map(str, numbers))}) OR s IN ({quoted})"
    assert fingerprint(statement) == "select a from t where n in (?) or s in (?)"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (asyncpg.SerializationError("x"), True),
        (asyncpg.DeadlockDetectedError("x"), True),
        (ConnectionLostError("x"), True),
        (UnreachableError("x"), True),
        (CommitOutcomeUnknownError("x"), False),
        (QueryTimeoutError("x"), False),
        (AcquireTimeoutError("x"), False),
        (ConnectTimeoutError("x"), False),
        (asyncpg.UniqueViolationError("x"), False),
        (asyncpg.QueryCanceledError("x"), False),
        (ValueError("x"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_cannot_have_taken_effect_is_tried_again(
    error: Exception, *, expected: bool
) -> None:
    assert may_retry(error) is expected


def fatal() -> asyncpg.PostgresError:
    fields = {"C": "57P01", "V": "FATAL", "M": "terminating connection"}
    return asyncpg.PostgresError.new(fields)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (asyncpg.ConnectionDoesNotExistError("x"), True),
        (ConnectionResetError("x"), True),
        (fatal(), True),
        (asyncpg.UniqueViolationError("x"), False),
        (asyncpg.InterfaceError("x"), False),
        (TimeoutError("x"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_fatal_answer_means_that_the_connection_is_gone(
    error: Exception, *, expected: bool
) -> None:
    assert broke(error) is expected


@given(st.integers(0, 20), st.floats(0, 1, exclude_max=True))
def test_waits_double_between_half_and_all_of_their_length(attempt: int, draw: float) -> None:
    full = min(0.1 * 2**attempt, 2.0)
    assert full / 2 <= wait_seconds(attempt, draw) <= full


@pytest.mark.parametrize(
    ("sight", "after", "serves"),
    [
        (Sight(100, 50.0), 0, True),
        (Sight(100, 50.0), 100, True),
        (Sight(100, 50.0), 101, False),
        (Sight(100, 44.9), 0, False),
        (Sight(100, 50.0), UNREACHED, False),
    ],
    ids=["fresh", "has the write", "has not the write", "too far behind", "nobody knows"],
)
def test_a_replica_serves_what_it_has(sight: Sight, after: int, *, serves: bool) -> None:
    assert sight.serves(after, now_seconds=50.0, max_lag_seconds=5.0) is serves


def test_a_replica_is_as_new_as_the_last_moment_that_it_has_all_of() -> None:
    primary = PrimaryLog()
    for second, lsn in enumerate([100, 100, 200, 300]):
        primary.note(float(second), lsn)
    assert primary.sight(99) is None
    assert primary.sight(100) == Sight(100, 1.0)
    assert primary.sight(250) == Sight(250, 2.0)
    assert primary.sight(300) == Sight(300, 3.0)


@given(st.integers(0, 2**63 - 1))
def test_a_token_is_read_as_it_was_written(lsn: int) -> None:
    assert read_token(write_token(lsn)) == lsn


@pytest.mark.parametrize("token", ["", "x", "1" * 17, "-1", "0x1", " 1", "1\n", "\u0661"])
def test_what_is_no_token_leads_to_the_primary(token: str) -> None:
    assert read_token(token) == UNREACHED


def test_a_url_is_shown_without_its_password() -> None:
    urls = DatabaseUrls.parse({"DATABASE_URL": "postgresql://ana:hush@db:5432/homework?a=hush"})
    assert urls.replica is None
    assert str(urls.primary) == "db:5432/homework"
    assert "hush" not in repr(urls)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "DATABASE_URL is not set"),
        ("mysql://ana:hush@db/x", "must begin with postgresql:// or postgres://"),
        ("postgresql://ana:hu/sh@db/x", "must be percent-encoded"),
        ("postgresql://ana:hu#sh@db/x", "must be percent-encoded"),
        ("postgresql://[hush/x", "DATABASE_URL is not a URL"),
    ],
)
def test_a_wrong_url_is_refused_without_showing_it(url: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        DatabaseUrls.parse({"DATABASE_URL": url})
    assert "hu" not in str(refused.value).replace("that must", "")


def test_the_error_of_a_wrong_replica_names_its_variable() -> None:
    with pytest.raises(SettingsError, match="DATABASE_REPLICA_URL must begin"):
        DatabaseUrl.parse("http://x", "DATABASE_REPLICA_URL")


def test_an_app_that_says_nothing_has_the_settings_of_a_program_that_says_nothing() -> None:
    assert DatabaseDocument().model_dump() == asdict(DatabaseSettings())


def test_a_worker_uses_the_database_as_it_is_told() -> None:
    document = DatabaseDocument(connections_per_process=3, query_timeout_seconds=4)
    told = DatabaseSettings.parse({ENV_DATABASE: document.model_dump_json()})
    assert (told.connections_per_process, told.query_timeout_seconds) == (3, 4)
    assert DatabaseSettings.parse({}) == DatabaseSettings()
    with pytest.raises(SettingsError, match=f"{ENV_DATABASE} is not what the operator writes"):
        DatabaseSettings.parse({ENV_DATABASE: "{"})


@pytest.mark.parametrize("name", ["connections_per_process", "query_timeout_seconds"])
def test_a_setting_is_more_than_nothing(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is 0; it must be more than 0"):
        DatabaseSettings(**{name: 0})


def test_the_95th_percentile_is_of_the_last_minute() -> None:
    times = AcquireTimes()
    assert times.p95_seconds(0.0) == 0.0
    times.note(0.0, 9.0)
    for number in range(1, 101):
        times.note(30.0, number / 100)
    assert times.p95_seconds(61.0) == 0.95
