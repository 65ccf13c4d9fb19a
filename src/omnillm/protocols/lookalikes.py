"""Names of members in odd letters: some hosts read names whatever their case, as Go does, and would take them for what they look like."""

from typing import Final

from omnillm.protocols.priced import READ_NAMES
from omnillm.protocols.protocol import Members

DECISIVE: Final = frozenset(
    {
        *filter(str.islower, READ_NAMES),
        *("model", "models", "provider", "plugins", "search_parameters", "fallbacks", "n", "best_of", "stream", "stream_options"),
        *("max_tokens", "max_completion_tokens", "max_output_tokens", "max_tokens_to_sample", "max_tool_calls"),
    }
)
"""Names of members that money, limits and rights rest on."""


def is_in_odd_letters(members: Members) -> bool:
    """Whether one of these is spelt so that a reader may take it for such a name (Go's do) and we did not: `Model`, `max_to\u212aens`."""
    names = "".join(members)
    if names.isascii() and names.islower():
        return False
    return any(name not in DECISIVE and name.casefold() in DECISIVE for name in members)
