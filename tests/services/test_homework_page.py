"""A person uses the example's page in Chromium: logs in, homework, news, queues, a report, limits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from homework.accounts import TEACHER, demo_password
from homework_site import Site, site, working
from postgres_server import PostgresServer
from redis import Redis
from redis_server import RedisServer
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from waiting import eventually
from web_pods import app_document

from osnovci.limit_contract import LimitDocument, MatchDocument, Per, PolicyDocument

pytestmark = pytest.mark.more_programs
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1280,860",
)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for each in (*OPTIONS, f"--user-data-dir={tmp_path / 'chromium'}"):
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Named, so that selenium looks for none.
    opened = Chrome(options, Service("/usr/bin/chromedriver"))
    yield opened
    opened.quit()


LIMITS = PolicyDocument(
    name="homework-limits",
    limits=(
        LimitDocument(name="global", max=100, window_ms=900_000),
        LimitDocument(
            name="tries",
            max=3,
            window_ms=2_000,
            match=(MatchDocument(path="/api/homework", methods=("POST",)),),
        ),
        LimitDocument(
            name="api", max=60, window_ms=60_000, per=Per.USER, match=(MatchDocument(path="/api"),)
        ),
    ),
)


@pytest.fixture
def homework(
    redis: Redis, redis_server: RedisServer, postgres_server: PostgresServer, tmp_path: Path
) -> Iterator[Site]:
    document = app_document(policies=(LIMITS,))
    with site(redis, redis_server.url, postgres_server, tmp_path, document) as served:
        postgres_server.sql("DELETE FROM homework; DELETE FROM notification; DELETE FROM report")
        yield served


def text(browser: Chrome, selector: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).text


def add(browser: Chrome, title: str) -> None:
    browser.find_element(By.ID, "title").send_keys(title)
    browser.find_element(By.CSS_SELECTOR, "#add button").click()


def press(browser: Chrome, selector: str) -> None:
    browser.find_element(By.CSS_SELECTOR, selector).click()


def is_shown(browser: Chrome, selector: str) -> bool:
    return browser.find_element(By.CSS_SELECTOR, selector).is_displayed()


def log_in(browser: Chrome, name: str, password: str | None = None) -> None:
    eventually(lambda: is_shown(browser, "#log-in"))
    for field, typed in (("user", name), ("password", password or demo_password(name))):
        found = browser.find_element(By.ID, field)
        found.clear()
        found.send_keys(typed)
    press(browser, "#log-in button")


def photograph(browser: Chrome, path: Path) -> None:
    """Keep what is seen, for whoever wants to look."""
    browser.save_screenshot(str(path))


def test_a_pupil_uses_the_page(
    homework: Site, redis_server: RedisServer, browser: Chrome, tmp_path: Path
) -> None:
    browser.get(homework.url)
    assert browser.title == "Homework"
    log_in(browser, "student-1")
    eventually(lambda: text(browser, "#link") == "live")
    eventually(lambda: text(browser, "#left") == "all done")

    add(browser, "Fractions, <b>page 42</b>")
    eventually(lambda: "Fractions, <b>page 42</b>" in text(browser, "#homework"))
    assert text(browser, "#said") == "Added. Your class will hear of it."
    eventually(lambda: "email 1 0 0" in text(browser, "#queues"))
    assert text(browser, "#notifications") == ""

    browser.find_element(By.ID, "report").click()
    eventually(lambda: "waits for a worker" in text(browser, "#report-said"))
    with working(homework, redis_server.url, tmp_path):
        eventually(lambda: "student-1 noted down: Fractions" in text(browser, "#notifications"))
        eventually(lambda: "email 0 0 1" in text(browser, "#queues"))
        eventually(lambda: text(browser, "#report-said") == "It is ready.")
    link = browser.find_element(By.ID, "pdf")
    assert link.is_displayed()
    assert homework.ask("GET", link.get_attribute("pathname") or "")[0] == 200

    browser.find_element(By.CSS_SELECTOR, "#homework input").click()
    eventually(lambda: text(browser, "#left") == "all done")
    eventually(lambda: homework.ask("GET", "/api/homework")[1]["homework"][0]["done"])

    press(browser, "#log-out")
    log_in(browser, "student-5")
    eventually(lambda: "student-1 noted down: Fractions" in text(browser, "#notifications"))
    assert text(browser, "#homework") == ""
    photograph(browser, tmp_path / "page.png")
    complaints = [each["message"] for each in browser.get_log("browser")]
    assert complaints == []


def test_a_page_that_was_cut_off_says_so_and_misses_nothing(
    homework: Site, browser: Chrome
) -> None:
    browser.get(homework.url)
    log_in(browser, "student-1")
    eventually(lambda: text(browser, "#link") == "live")
    insert = "INSERT INTO notification (student, message) VALUES ('student-1', 'while away')"
    # No bell rings for it: the page learns of it as it comes back.
    homework.database.sql(insert)
    homework.database.stop()
    try:
        homework.redis.publish("homework:notified", '["student-1"]')
        eventually(lambda: text(browser, "#link") != "live")
        add(browser, "Reading")
        eventually(lambda: "Not added: the database does not answer" in text(browser, "#said"))
    finally:
        homework.database.start()
    eventually(lambda: "while away" in text(browser, "#notifications"))
    assert text(browser, "#link") == "live"


def test_a_pupil_logs_in_and_out_here_and_elsewhere(
    homework: Site, browser: Chrome, tmp_path: Path
) -> None:
    browser.get(homework.url)
    log_in(browser, "student-1", "guessed")
    eventually(lambda: "the name or the password is wrong" in text(browser, "#log-in-said"))
    assert not is_shown(browser, "main")
    photograph(browser, tmp_path / "log-in.png")
    press(browser, "#remember")
    log_in(browser, "student-1")
    eventually(lambda: text(browser, "#name") == "student-1")
    eventually(lambda: "Chrome, from 127.0.0.1" in text(browser, "#devices"))
    assert "remembered here" in " ".join(text(browser, "#devices").split())

    homework.cookies.clear()
    assert homework.ask("GET", "/api/auth/me")[1]["user"]
    browser.refresh()
    eventually(lambda: len(browser.find_elements(By.CSS_SELECTOR, "#devices li")) == 2)
    press(browser, "#devices button")
    eventually(lambda: len(browser.find_elements(By.CSS_SELECTOR, "#devices li")) == 1)
    assert homework.ask("GET", "/api/auth/me") == (200, {"user": None})

    homework.cookies.clear()
    assert homework.ask("DELETE", "/api/auth/sessions")[1]["ended"] == 2
    eventually(lambda: is_shown(browser, "#log-in"))
    assert text(browser, "#homework") == ""

    log_in(browser, "student-1")
    eventually(lambda: text(browser, "#link") == "live")
    press(browser, "#all-out")
    eventually(lambda: is_shown(browser, "#log-in"))
    browser.refresh()
    eventually(lambda: is_shown(browser, "#log-in"))


def test_who_asks_too_often_is_told_when_it_goes_on(
    homework: Site, browser: Chrome, tmp_path: Path
) -> None:
    browser.get(homework.url)
    log_in(browser, "student-1")
    eventually(lambda: "of 60 left" in text(browser, "#remaining"))
    for number in range(3):
        add(browser, f"Exercise {number}")
        eventually(lambda number=number: f"Exercise {number}" in text(browser, "#homework"))
    add(browser, "One more")
    eventually(lambda: is_shown(browser, "#limited"))
    assert "It goes on at" in text(browser, "#limited")
    assert "Not added: too many requests: at most 3 in 2s" in text(browser, "#said")
    photograph(browser, tmp_path / "limited.png")
    eventually(lambda: not is_shown(browser, "#limited"))
    press(browser, "#add button")
    eventually(lambda: "One more" in text(browser, "#homework"))
    press(browser, "#ask-limits button")
    eventually(lambda: "api 1m" in text(browser, "#limits"))

    press(browser, "#log-out")
    log_in(browser, TEACHER)
    eventually(lambda: is_shown(browser, "#whose"))
    assert not is_shown(browser, "#homework")
    browser.find_element(By.ID, "whose").send_keys("student-1")
    press(browser, "#ask-limits button")
    eventually(lambda: "api 1m" in text(browser, "#limits"))
    photograph(browser, tmp_path / "teacher.png")
