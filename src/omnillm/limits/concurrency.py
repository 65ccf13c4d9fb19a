"""How many at a time: an exact count, no estimate."""


class Concurrency:
    """At most `limit` at a time; 0 = no limit, counted all the same. Whoever raises `in_use` has asked `is_full`."""

    __slots__ = ("in_use", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_use = 0

    @property
    def is_full(self) -> bool:
        return 0 < self.limit <= self.in_use
