"""A disk that tells of an error when it is synced, as one that dies does: the system's own `EIO`, for the files that have a high number.

A filter of system calls (seccomp) holds for good, so it looks at the number of the file: whoever opens the same file again, once low numbers
are free, is on a disk that works.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

FIRST = 64
"""Files from this number on cannot be synced."""
SYNCS = {"x86_64": (74, 75), "aarch64": (82, 83)}
"""The system's numbers of fsync and fdatasync."""
SECCOMP = {"x86_64": 317, "aarch64": 277}
NO_NEW_PRIVILEGES, SET_FILTER, ALL_THREADS = 38, 1, 1
LOAD, EQUALS, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER, FIRST_ARGUMENT = 0, 16
"""Where they lie in what a filter is shown of a system call."""
FAIL, PASS = 0x0005_0000 | errno.EIO, 0x7FFF_0000
CAN_FAIL = sys.platform == "linux" and platform.machine() in SYNCS


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def take_low_numbers() -> list[int]:
    """Open files until every number below `FIRST` is taken. Returns them: who closes them gives their numbers back."""
    taken = [os.open(os.devnull, os.O_RDONLY)]
    while taken[-1] < FIRST - 1:
        taken.append(os.dup(taken[0]))
    return taken


def fail_syncs() -> None:
    """From now on, in every thread of the process. OSError: the system does not allow it."""
    fsync, fdatasync = SYNCS[platform.machine()]
    instructions = [
        (LOAD, 0, 0, NUMBER),
        (EQUALS, 1, 0, fsync),
        (EQUALS, 0, 3, fdatasync),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (AT_LEAST, 0, 1, FIRST),
        (RETURN, 0, 0, FAIL),
        (RETURN, 0, 0, PASS),
    ]
    packed = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in instructions))
    program = Program(len(instructions), ctypes.addressof(packed))
    system = ctypes.CDLL(None, use_errno=True)
    is_refused = system.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or system.syscall(
        SECCOMP[platform.machine()], SET_FILTER, ALL_THREADS, ctypes.byref(program)
    )
    if is_refused:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
