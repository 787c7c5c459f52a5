"""The jobs of the homework platform's four queues, and three for demonstrations and tests.

Each may run more than once, since the queue promises at least once: what they write, they write
by a key of their own or by the job's id. Only an e-mail may arrive twice: SMTP knows no key.
"""

import os
import smtplib
import time
from email.message import EmailMessage

from redis import Redis

from homework import notifications
from homework.database import with_database
from homework.pupils import of_class
from osnovci.database.connection import Connection
from osnovci.queues.running import current_job_id, progress
from osnovci.queues.tasks import task

SMTP_SECONDS = 10.0
REPORTED = 500
"""The newest homework that a report has."""


@task(queue="email")
def send_email(to: str, subject: str, body: str) -> None:
    """Send an e-mail (queue email)."""
    message = EmailMessage()
    message["From"] = "homework@osnovci.app"
    message["To"] = to
    message["Subject"] = subject
    message.set_content(body)
    host, port = os.environ["SMTP_HOST"], int(os.environ.get("SMTP_PORT", "25"))
    with smtplib.SMTP(host, port, timeout=SMTP_SECONDS) as server:
        server.send_message(message)


@task(queue="notification")
def notify(student: str, message: str) -> None:
    """Tell a student something (queue notification)."""
    _notify([student], message)


@task(queue="notification")
def notify_class(school_class: str, message: str) -> None:
    """Tell all students of a class something (queue notification)."""
    _notify([pupil.name for pupil in of_class(school_class)], message)


def _notify(students: list[str], message: str) -> None:
    """Keep it and ring. A job that runs again has the same id, and so keeps nothing twice."""
    job = current_job_id()

    async def keep(database: Connection) -> None:
        await notifications.keep(database, job, students, message)

    with_database(keep)
    notifications.ring(students)


@task(queue="report")
def make_report(student: str) -> int:
    """Make a student's report as PDF and keep it (queue report); give its size in bytes."""
    # Its libraries take memory that the web application, which only enqueues this, does not need.
    from homework.report import report_pdf

    async def make(database: Connection) -> int:
        query = "SELECT title, done FROM homework WHERE student = $1 ORDER BY id DESC LIMIT $2"
        rows = await database.fetch(query, student, REPORTED)
        pdf = report_pdf(student, [(row["title"], row["done"]) for row in reversed(rows)], progress)
        statement = """
            INSERT INTO report (student, pdf) VALUES ($1, $2)
            ON CONFLICT (student) DO UPDATE SET pdf = excluded.pdf, created_at = now()
        """
        await database.execute(statement, student, pdf)
        return len(pdf)

    return with_database(make)


@task(queue="schedule")
def check_conflicts(school_class: str) -> int:
    """Find the lessons of a class that overlap and keep them (queue schedule); give their number."""

    async def check(database: Connection) -> int:
        statement = """
            INSERT INTO schedule_conflict (class, first_lesson, second_lesson)
            SELECT a.class, a.id, b.id
            FROM lesson a JOIN lesson b
              ON a.class = b.class AND a.id < b.id AND a.during && b.during
            WHERE a.class = $1
            ON CONFLICT DO NOTHING
        """
        await database.execute(statement, school_class)
        count = "SELECT count(*) FROM schedule_conflict WHERE class = $1"
        return await database.fetchval(count, school_class)

    return with_database(check)


@task
def pause(seconds: float) -> None:
    """Sleep: a job whose length is known."""
    time.sleep(seconds)


@task
def record(list_key: str, value: str) -> None:
    """Append a value to a list in Redis: a job whose run can be counted."""
    with Redis.from_url(os.environ["OSNOVCI_REDIS_URL"]) as redis:
        redis.rpush(list_key, value)


@task
def record_and_pause(list_key: str, seconds: float) -> None:
    """Append the pod's name to a list in Redis and sleep: a long job whose runs can be counted."""
    record(list_key, os.environ["OSNOVCI_POD"])
    time.sleep(seconds)
