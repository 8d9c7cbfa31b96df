"""What holds for every test.

In CI a skipped test is a failed one: a promise nobody checked is not kept. Tests that start real
processes run one after another on one worker, so that they do not starve each other of a core.
Hypothesis has no deadlines, since the time a test takes says nothing about the code, and draws the
same examples in every run of CI.
"""

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

IN_CI = bool(os.environ.get("CI"))

settings.register_profile(
    "tradefleet", deadline=None, derandomize=IN_CI, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tradefleet")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What takes minutes and has a smaller sibling is left out unless it is asked for."""
    parser.addoption("--long", action="store_true", help="run tests marked `long` too (make chaos does)")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is long, and put every test that starts processes into one group of pytest-xdist."""
    if not config.getoption("--long"):
        long = [item for item in items if item.get_closest_marker("long") is not None]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item.get_closest_marker("long") is None]
    for item in items:
        if item.get_closest_marker("process") is not None:
            item.add_marker(pytest.mark.xdist_group("process"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test fails in CI; an expected failure does not count as skipped."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped, which CI does not allow: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """So does a module that skips itself while it is collected."""
    report = yield
    if IN_CI and report.skipped:
        report.outcome, report.longrepr = "failed", f"skipped, which CI does not allow: {report.longrepr}"
    return report
