"""What all end-to-end tests share: the private world, one lab for each test file, and the logs of what failed."""
import pytest

import hearsay_lab


def pytest_configure(config):
    hearsay_lab.enter_private_world()


@pytest.fixture(scope="module")
def lab(request):
    """Lives as long as the test file, so that its tests can share running programs."""
    with hearsay_lab.Lab(request.module.__name__.removeprefix("test_")) as made:
        yield made


@pytest.fixture
def own_lab(request):
    """Lives as long as one test."""
    with hearsay_lab.Lab("own") as made:
        yield made


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for made in hearsay_lab.open_labs():
            report.sections += [(f"log {name}", text) for name, text in made.logs()]
