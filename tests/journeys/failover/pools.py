"""What the tests of failover share: pools of keys, and a route of two providers."""

from tests.journeys.wire import DIALECTS


def pool_of(names) -> dict[str, str]:
    return {name: f"key: {name}" for name in names}


ALL = [(dialect, is_stream) for dialect in DIALECTS for is_stream in (False, True)]
