"""What the tests of failover share."""


def pool_of(names) -> dict[str, str]:
    return {name: f"key: {name}" for name in names}
