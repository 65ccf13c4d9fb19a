"""Ports for programs that are told theirs before they listen."""

import socket
from random import SystemRandom

BELOW = range(20_000, 32_000)
"""Below those that the system gives to whoever asks for any: no other test of the run is given one before it is bound."""


def free_port() -> int:
    while True:
        port = SystemRandom().choice(BELOW)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
