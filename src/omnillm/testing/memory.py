"""What the fake provider remembers of its own replies, and what it refuses because it does not. State, but no sockets."""

import base64
import hashlib
from collections import defaultdict

from omnillm.testing.generation import Generation
from omnillm.testing.replies.speaker import Asked, Malformed, Sealed

UNCHECKED = "skip_thought_signature_validator"
"""Google's own word for a signature that it lets pass. It says so of its models: whether Interactions asks them, no page tells."""
UNSIGNED = (
    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing "
    "thought_signature may lead to degraded model performance. Additional data, function call `default_api:{}`."
)
KEPT_AS = {"openai_responses": "resp", "gemini_interactions": "v1"}
"""How the ids of kept answers begin."""
UNREADABLE = "The encrypted content {} could not be verified. Reason: Encrypted content could not be decrypted or parsed."
FOREIGN = (
    "The encrypted content for item {} could not be verified. "
    "Reason: Encrypted content organization_id did not match the target organization."
)


def seal_for(protocol: str, key: str, number: int) -> str:
    """What signs, or is, the reasoning of a reply. Base64 with every one of its odd characters; for Responses in the alphabet of URLs."""
    sealed = hashlib.sha256(f"{protocol}\0{key}\0{number}".encode()).digest()[:21] + b"\xfb\xef\xff"
    if protocol == "openai_responses":
        return "gAAAAAB" + base64.urlsafe_b64encode(sealed).decode()
    return "EqkB" + base64.b64encode(sealed).decode()


class Memory:
    """Of one provider: the seals it issued, to whom, and each key's responses with the calls that lead up to their end."""

    __slots__ = ("_responses", "_seals")

    def __init__(self) -> None:
        self._seals: dict[tuple[str, str], str] = {}
        self._responses: defaultdict[str, dict[str, frozenset[str]]] = defaultdict(dict)

    def keep(self, protocol: str, key: str, asked: Asked, generation: Generation) -> None:
        if generation.seal:
            self._seals[protocol, _plain(generation.seal)] = key
        if protocol in KEPT_AS and asked.stored:
            made = {generation.id_of(block, "call") for block in generation.of("tool")}
            known = self._responses[key].get(asked.previous, frozenset())
            self._responses[key][f"{KEPT_AS[protocol]}_{generation.serial}"] = known | asked.calls | made
        elif protocol == "anthropic_messages" and asked.stored:
            self._responses[key][f"msg_{generation.serial}"] = frozenset()

    def judge(self, protocol: str, key: str, asked: Asked) -> None:
        """Raises Malformed for what a request brings back and the provider never gave, or gave to somebody else."""
        for sealed in asked.seals:
            self._judge_seal(protocol, key, sealed)
        if asked.unsigned and "gemini-3" in asked.model:
            raise Malformed(UNSIGNED.format(asked.unsigned[0]))
        known = self._responses[key].get(asked.previous)
        if asked.previous and known is None and protocol == "anthropic_messages":
            raise Malformed("No usable Thread state was found.", "thread_not_found")
        if asked.previous and known is None and protocol == "gemini_interactions":
            raise Malformed(f"Interaction {asked.previous} is not found.")
        if asked.previous and known is None:
            raise Malformed(f"Previous response with id '{asked.previous}' not found.", "previous_response_not_found")
        for answered in asked.answers:
            if answered not in (known or ()):
                raise Malformed(f"No tool call found for function call output with call_id {answered}.")

    def _judge_seal(self, protocol: str, key: str, sealed: Sealed) -> None:
        owner = self._seals.get((protocol, _plain(sealed.value)))
        if protocol == "openai_responses":
            if owner is None:
                raise Malformed(UNREADABLE.format(sealed.value[:8] + "..."), "invalid_encrypted_content")
            if owner != key:
                raise Malformed(FOREIGN.format(sealed.place), "invalid_encrypted_content")
        elif owner is None and not (protocol.startswith("gemini") and _is_unchecked(sealed.value)):
            raise Malformed(sealed.place)


def _plain(value: str) -> str:
    """Both alphabets of base64 write the same bytes, and Google's SDK changes from one to the other."""
    return value.translate(str.maketrans("-_", "+/")).rstrip("=")


def _is_unchecked(value: str) -> bool:
    return value == UNCHECKED or _plain(value) == _plain(base64.b64encode(UNCHECKED.encode()).decode())
