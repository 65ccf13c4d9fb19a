"""What a translated request must know of its host and model: the differences inside one protocol, as data."""

import re

from omnillm.protocols.codec import Dialect
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.protocol_names import OPENAI_CHAT

_GENERATION = re.compile(r"claude-(opus|sonnet|haiku|fable|mythos)-(\d+)(?:[-.](\d{1,2}))?(?![0-9])")
_ADAPTIVE_SINCE = {"opus": (4, 7), "sonnet": (5, 0), "haiku": (5, 0), "fable": (5, 0), "mythos": (5, 0)}
"""From this generation on a Claude model takes no sampling parameters and no budget of thinking, but an effort."""
OPENAI_KINDS = frozenset({"openai", "azure_openai"})


def dialect_of(endpoint: Endpoint, *, provider: str, protocol: str, model: str, default_max_tokens: int) -> Dialect:
    """`default_max_tokens`: the model's own maximum, or what the configuration says, for the protocol that needs one."""
    is_openai = endpoint.kind in OPENAI_KINDS
    is_adaptive = _is_adaptive(model)
    own_cap = endpoint.chat_cap_member if protocol == OPENAI_CHAT else ""
    return Dialect(
        provider=provider,
        default_max_tokens=default_max_tokens,
        accepts_sampling=not is_adaptive,
        thinks_adaptively=is_adaptive,
        system_role="developer" if is_openai else "system",
        output_cap_member=own_cap or "max_completion_tokens",
        is_openai=is_openai,
    )


def _is_adaptive(model: str) -> bool:
    found = _GENERATION.search(model)
    if found is None:
        return False
    family, major, minor = found.groups()
    return (int(major), int(minor or 0)) >= _ADAPTIVE_SINCE[family]
