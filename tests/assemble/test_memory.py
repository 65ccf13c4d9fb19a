"""A server's process keeps the memory of bodies that are gone for those that come."""

import ctypes
import subprocess
import sys

import pytest

ROUNDS = 50
FAULTS = f"""
import resource
from omnillm.assemble.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range({ROUNDS}):
        bodies = [bytes(100_000) for _ in range(64)]
        del bodies
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
keep_freed_memory()
faults()
print(before, faults())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="this C library has no mallopt: nothing is tuned")
def test_bodies_that_are_gone_leave_their_pages():
    """64 bodies of 100 KB again and again fault in fresh pages each time by default, and none of theirs in a server."""
    told = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True).stdout
    by_default, in_a_server = map(int, told.split())
    assert by_default > ROUNDS * 200
    assert in_a_server < ROUNDS
