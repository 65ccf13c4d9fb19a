"""How many values a body holds. That is what it costs to be decoded and translated, and its length does not tell it."""

from typing import Final

from omnillm.errors import ReplyTooLarge, TooLarge

LONG_BODY: Final = 64 * 1024
"""A shorter one is translated within tens of milliseconds whatever it holds."""
LARGE_BODY: Final = 1024 * 1024
"""A smaller one cannot hold many more values than are allowed anyway."""
MOST_OBJECTS: Final = 300_000
"""The most objects and arrays in a large body. Anthropic takes 100,000 messages; large bodies are so for pictures or long texts."""
MOST_VALUES: Final = 4_000_000
MANY_OBJECTS: Final = 4_000
"""In a body. To translate each takes 4 to 15 us."""
MOST_REPLY_OBJECTS: Final = 2_400_000
MOST_REPLY_VALUES: Final = 4 * MOST_REPLY_OBJECTS
"""64 MiB of log probabilities, the densest that is honest, have 2.1 and 6.2 million."""
MOST_EVENT_OBJECTS: Final = MOST_REPLY_OBJECTS // 4
"""Of 16 MiB, the longest event."""


def count_objects(body: bytes) -> int:
    """How many objects and arrays it holds at most; brackets in its texts count, too."""
    return body.count(b"{") + body.count(b"[")


def is_laborious(body: bytes) -> bool:
    """Whether to translate a long body may take longer than everybody else should wait."""
    return len(body) > 4 * LARGE_BODY or count_objects(body) > MANY_OBJECTS


def is_laborious_to_weigh(body: bytes) -> bool:
    """As `is_laborious`, of what is not translated: only its parts are looked at."""
    return len(body) > LARGE_BODY and count_objects(body) > 5 * MANY_OBJECTS


def check_shape(body: bytes) -> None:
    """TooLarge: a large body of so many small values that decoding it would stop the loop for seconds, and take gigabytes."""
    if len(body) > LARGE_BODY and (count_objects(body) > MOST_OBJECTS or body.count(b",") > MOST_VALUES):
        most = f"{MOST_OBJECTS} objects and arrays, or {MOST_VALUES} values"
        raise TooLarge(f"A body of more than {LARGE_BODY} bytes may not hold more than {most}.")


def check_reply(body: bytes) -> None:
    """ReplyTooLarge: a provider's reply would take gigabytes once it is decoded."""
    if count_objects(body) > MOST_REPLY_OBJECTS or body.count(b",") > MOST_REPLY_VALUES:
        raise _too_many("reply", f"{MOST_REPLY_OBJECTS} objects and arrays, or {MOST_REPLY_VALUES} values")


def check_event(body: bytes) -> None:
    """As `check_reply`, of one event of a provider's stream."""
    if count_objects(body) > MOST_EVENT_OBJECTS:
        raise _too_many("stream event", f"{MOST_EVENT_OBJECTS} objects and arrays")


def _too_many(kind: str, most: str) -> ReplyTooLarge:
    return ReplyTooLarge(f"The provider's {kind} holds more than {most}: ask for less.")
