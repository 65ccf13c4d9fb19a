"""Other ways to write the name of a listed model, each by its provider's own grammar.

A name that only looks like another's has no price: a guess could be too cheap.
"""

import re
from collections.abc import Mapping
from typing import Final

_SPELLINGS: Final[Mapping[str, tuple[re.Pattern[str], tuple[str, ...]]]] = {
    # ft:gpt-4.1-mini-2025-04-14:organisation:suffix:id costs as every fine-tuned model of its base does.
    "openai": (re.compile(r"(ft:[^:]+):.+"), (r"\1",)),
    # An application's own profile (application-inference-profile) hides its model: of such an ARN nothing is known.
    "bedrock": (re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]*:[0-9]*:(?:foundation-model|inference-profile)/(.+)"), (r"\1",)),
    "gemini": (re.compile(r"models/(.+)"), (r"\1",)),
    # publishers/google/models/gemini-3.8-flash, and google/gemini-3.8-flash at its OpenAI-compatible endpoint
    "vertex_ai": (re.compile(r"(?:publishers/(?P<who>[a-z0-9-]+)/models|google)/(?P<what>.+)"), (r"\g<what>", r"\g<who>/\g<what>")),
}
"""Section -> how its provider also lets a model be written, and what the price list may call that."""


def spellings(section: str, model: str) -> tuple[str, ...]:
    """What the price list may call the model that a provider of this section knows as `model`, beside `model`."""
    pattern, written = _SPELLINGS.get(section, (None, ()))
    found = pattern.fullmatch(model) if pattern else None
    return () if found is None else tuple(found.expand(each) for each in written)
