"""A canary over the whole suite: nothing that is logged or printed under a test may hold one of the secrets that tests use."""

import gc
import logging
import os
import re
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop
from _pytest.assertion import rewrite
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, settings
from tests.soak import rounds

TESTS = Path(__file__).parent
MEMORY, ROOM = Path("/dev/shm"), 1 << 30
"""Where a file is in memory, and bytes that must be free there."""
WORTH_TELLING_S = 0.1
"""For `--durations`."""
SECRET = re.compile(r"(?<![\w-])(?:sk|admin)-[A-Za-z0-9_-]{2,}|canary-[a-z]+-\d+")
"""How provider keys, virtual keys and admin keys of the tests begin, and what stands for headers, peppers and prompts."""


def pytest_configure():
    # Every client of an SDK reads the roots that it trusts, 25 ms a time for all that the system has. The tests speak TLS with roots of their own.
    os.environ["SSL_CERT_FILE"] = str(TESTS / "nobody.pem")
    keep_files_in_memory()
    # The machine is shared: how long an example takes says nothing about the code.
    settings.register_profile("shared", max_examples=rounds(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("shared")
    logging.getLogger("omnillm").setLevel(logging.DEBUG)  # what is not shown by default is looked at too


def keep_files_in_memory():
    """The ledgers of tests are synced thousands of times; the promises of a disk are none of ours. Who has named a place keeps it."""
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # it is looked for once


def rewrite_a_share(config):
    """Each of the workers that run the whole suite rewrites the asserts of some files, and keeps them for the others: all of them take 8 s of the processor."""
    state = config.stash.get(rewrite.assertstate_key, None)
    if state is None or config.args_source != config.ArgsSource.TESTPATHS or sys.dont_write_bytecode:
        return
    number, workers = int(config.workerinput["workerid"].removeprefix("gw")), config.workerinput["workercount"]
    for source in sorted(TESTS.rglob("test_*.py"))[number::workers]:
        kept = rewrite.get_cache_dir(source) / (source.stem + rewrite.PYC_TAIL)
        if not kept.exists() and rewrite.try_makedirs(kept.parent):
            with suppress(SyntaxError):  # whoever collects it tells
                digest, code = rewrite._rewrite_test(source, config)
                rewrite._write_pyc(state, code, digest, kept)


def pytest_asyncio_loop_factories(config, item):
    """The program's own. A library's gateway lives on any: `tests/library/` is on asyncio's, and `tests/transport/` on both."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.hookimpl(wrapper=True)
def pytest_collection(session):
    """What is imported is there for good: the cycle collector need not look through it, neither meanwhile nor after every few hundred objects of a test."""
    gc.disable()
    if hasattr(session.config, "workerinput"):
        rewrite_a_share(session.config)
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """What the tests of a file have left behind is looked for when they are over. What remains stays: a test that asks for the collector has its own to look through."""
    try:
        return (yield)
    finally:
        if nextitem is None or nextitem.path != item.path:
            gc.collect()
            gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session):
    if hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(Terse())


class Terse:
    """Of a test that passed, a worker tells that once: of the six messages that are usual, each of which the reporting process reads, four say nothing more."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem):
        for report in runtestprotocol(item, log=False, nextitem=nextitem):
            if report.when == "call" or not report.passed or report.duration > WORTH_TELLING_S:
                item.ihook.pytest_runtest_logreport(report=report)
        return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """The report of a phase, failed when what was captured in it tells a secret."""
    report = yield
    if report.passed:
        told = {match for name, text in report.sections if name.endswith(call.when) for match in SECRET.findall(text)}
        if told:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} logged or printed a secret: {', '.join(sorted(told))}"
        elif hasattr(item.config, "workerinput"):
            # Nobody reads what a test that passed has told, nor its names: they need not be sent to the process that reports.
            report.sections, report.keywords = [], {}
    return report


@pytest.fixture(scope="session")
def postgres(testrun_uid):
    """A PostgreSQL that the tests of this run share."""
    from tests.postgres import Postgres

    server = Postgres(testrun_uid)
    yield server
    server.close()
