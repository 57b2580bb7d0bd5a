"""Where the frameworks must be there, a skipped test is a failed one."""

import framework_walks  # noqa: F401 - before any framework
import pytest


def pytest_addoption(parser):
    parser.addoption("--no-skips", action="store_true", help="let skipped tests fail")


def _failing(report, config):
    if report.skipped and config.getoption("--no-skips", default=False):
        report.outcome = "failed"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return _failing((yield), collector.config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    return _failing((yield), item.config)
