"""Names of members in another case. Some hosts, written in Go, ignore the case and would read them."""

from typing import Final

from omnillm.protocols.priced import OPENROUTER, READ_NAMES
from omnillm.protocols.protocol import Members

DECISIVE: Final = frozenset(
    {
        *filter(str.islower, READ_NAMES),
        *("model", "search_parameters", "fallbacks", "n", "best_of", "stream", "stream_options", *OPENROUTER),
        *("max_tokens", "max_completion_tokens", "max_output_tokens", "max_tokens_to_sample", "max_tool_calls"),
    }
)
"""Names of members on which money, limits and rights depend."""


def is_in_odd_letters(members: Members) -> bool:
    """Whether a name that is not decisive looks decisive to readers that fold case: `Model`, `max_to\u212aens` (the Kelvin sign is a k)."""
    names = "".join(members)
    if names.isascii() and names.islower():
        return False
    return not DECISIVE.isdisjoint(map(str.casefold, set(members) - DECISIVE))
