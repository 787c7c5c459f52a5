"""Who may log in: accounts in PostgreSQL, of whose passwords only hashes by Argon2id are kept."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from homework.pupils import ALL
from osnovci.database.connection import Connection

PUPIL, ADMIN = "pupil", "admin"
TEACHER = "teacher"
DEMO = {each.name: PUPIL for each in ALL} | {TEACHER: ADMIN}
"""The role by the name of the accounts that every new database has."""

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's least for Argon2id: 20 ms of a core, and 19 MiB while it lasts."""

NOBODYS = HASHER.hash("the password of nobody")
"""What the password of an unknown name is held against, so that the answer takes as long."""

ADD = """
    INSERT INTO account (name, role, password_hash)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
    ON CONFLICT (name) DO NOTHING
"""


def demo_password(name: str) -> str:
    """Give the password of an account for the demonstration, which the README tells as well."""
    return f"learn-{name}"


def is_right(password: str, password_hash: str | None) -> bool:
    """Tell whether a password is that of a hash; None is the hash of an unknown name.

    It takes 20 ms of a core, so that guessing does.
    """
    try:
        HASHER.verify(password_hash or NOBODYS, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


async def add_demo(database: Connection) -> None:
    """Add the accounts of the demonstration where they are missing."""
    hashes = [HASHER.hash(demo_password(name)) for name in DEMO]
    await database.execute(ADD, list(DEMO), list(DEMO.values()), hashes)
