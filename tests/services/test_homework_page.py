"""A person uses the example's page in Chromium: homework, news of the class, queues, a report."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from homework_site import Site, site, working
from postgres_server import PostgresServer
from redis import Redis
from redis_server import RedisServer
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from waiting import eventually

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


@pytest.fixture
def homework(
    redis: Redis, redis_server: RedisServer, postgres_server: PostgresServer, tmp_path: Path
) -> Iterator[Site]:
    with site(redis, redis_server.url, postgres_server, tmp_path) as served:
        eventually(lambda: served.ask("GET", "/api/homework")[0] == 200)
        postgres_server.sql("DELETE FROM homework; DELETE FROM notification; DELETE FROM report")
        yield served


def text(browser: Chrome, selector: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).text


def add(browser: Chrome, title: str) -> None:
    browser.find_element(By.ID, "title").send_keys(title)
    browser.find_element(By.CSS_SELECTOR, "#add button").click()


def test_a_pupil_uses_the_page(
    homework: Site, redis_server: RedisServer, browser: Chrome, tmp_path: Path
) -> None:
    browser.get(homework.url)
    assert browser.title == "Homework"
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

    browser.find_element(By.CSS_SELECTOR, "#student option[value=student-5]").click()
    eventually(lambda: "student-1 noted down: Fractions" in text(browser, "#notifications"))
    assert text(browser, "#homework") == ""
    browser.save_screenshot(str(tmp_path / "page.png"))
    complaints = [each["message"] for each in browser.get_log("browser")]
    assert complaints == []


def test_a_page_that_was_cut_off_says_so_and_misses_nothing(
    homework: Site, browser: Chrome
) -> None:
    browser.get(homework.url)
    eventually(lambda: text(browser, "#link") == "live")
    insert = "INSERT INTO notification (student, message) VALUES ('student-1', 'while away')"
    homework.database.stop()
    try:
        homework.redis.publish("homework:notified", '["student-1"]')
        eventually(lambda: text(browser, "#link") != "live")
        add(browser, "Reading")
        eventually(lambda: "Not added: the database does not answer" in text(browser, "#said"))
    finally:
        homework.database.start()
    homework.database.sql(insert)
    eventually(lambda: "while away" in text(browser, "#notifications"))
    assert text(browser, "#link") == "live"
