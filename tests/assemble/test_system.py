"""The machine's own clock: what its owner does with the lid is no reason for minutes to stand still."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from omnillm.assemble import SystemClock

SLEPT_S = 21_600
UPTIME = Path("/proc/uptime")
ASKS = "import time; from omnillm.assemble import SystemClock; print(SystemClock().now() - time.monotonic())"
AFTER_A_SLEEP = ("unshare", "--time", "--boottime", str(SLEPT_S))
"""As a machine sees its clocks when it was suspended for so long: the monotonic one stood still."""


def can_pretend() -> bool:
    try:
        return subprocess.run([*AFTER_A_SLEEP, "true"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not UPTIME.exists(), reason="only Linux tells how long the machine has been up, asleep or not")
def test_the_clock_counts_since_the_machine_was_started() -> None:
    """As the system counts, which leaves no sleep out."""
    assert abs(SystemClock().now() - float(UPTIME.read_text().split()[0])) < 5


@pytest.mark.skipif(not can_pretend(), reason="only a time namespace can pretend that the machine has slept, and this one gives none")
def test_hours_that_the_machine_slept_have_passed() -> None:
    """What was due meanwhile is due when it wakes; the system's monotonic clock does not know of them."""
    told = subprocess.run([*AFTER_A_SLEEP, sys.executable, "-c", ASKS], check=True, capture_output=True, text=True).stdout
    assert abs(float(told) - (SLEPT_S + SystemClock().now() - time.monotonic())) < 5
