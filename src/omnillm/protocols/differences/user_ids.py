"""The end user's id, toward hosts that limit its length."""

import hashlib

from omnillm.protocols.loss import Losses

_LONGEST = 64


def short_user_id(user_id: str, losses: Losses) -> str:
    """Return the id, or a hash of it where it is longer than OpenAI takes; the same id always gives the same."""
    if len(user_id) <= _LONGEST:
        return user_id
    losses.approximate("user_id", "hashed: OpenAI takes 64 characters")
    return hashlib.sha256(user_id.encode("utf-8", "surrogatepass")).hexdigest()
