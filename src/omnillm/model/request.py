"""`LlmRequest`: a request in no protocol's words. `input` is the truth; `messages` is a view of it."""

from typing import Any, Final

import msgspec

from omnillm.model.capabilities import NO_CAPABILITIES, CapabilitySet
from omnillm.model.message import SYSTEM_ROLES, Message, MessagePart, MessageRole, RequestItem, Text, VendorExtensions


class GenerationConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """How the answer is made. What is None or empty is the model's own choice."""

    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: Any = None
    verbosity: str = ""
    """OpenAI: low, medium, high."""
    service_tier: str = ""
    """As the client's protocol says it; emitters map the words that they share (auto, flex, priority, default/standard)."""


NO_GENERATION: Final = GenerationConfig()
"""Of a request that sets nothing; known by identity, as `NO_CAPABILITIES` is."""


class LlmRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """A call to a model in no provider's words: `LlmRequest(model="gpt-4.1-mini", input=(user("How deep is the lake?"),))`."""

    model: str
    input: tuple[RequestItem, ...] = ()
    """Messages and tool results, oldest first, in the normal form of `model/message.py`."""
    instructions: str | None = None
    """System text said apart from the conversation (Responses, or the library). It comes before every system message of `input`."""
    capabilities: CapabilitySet = NO_CAPABILITIES
    generation: GenerationConfig = NO_GENERATION
    metadata: dict[str, str] = {}
    user_id: str = ""
    """Of the end user, hashed or not: safety_identifier, user, metadata.user_id."""
    is_stream: bool = False
    wants_stream_usage: bool = True
    """Chat without `stream_options.include_usage`: False."""
    previous_response_id: str = ""
    """Responses: state that the provider keeps."""
    store: bool | None = None
    protocol: str = ""
    """Whose words `vendor_extensions` are; "" for the caller's own, which go to every host of the OpenAI family."""
    vendor_extensions: VendorExtensions = {}
    """Top-level members without a canonical home. They never override a typed field."""

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(item for item in self.input if type(item) is Message)

    @property
    def parts(self) -> list[MessagePart]:
        """Those of all messages, oldest first."""
        return [part for item in self.input for part in item.parts]

    @property
    def system_text(self) -> str:
        """Explicit instructions; else the system and developer messages, joined by a blank line."""
        if self.instructions is not None:
            return self.instructions
        return "\n\n".join(message.plain_text for message in self.messages if message.role in SYSTEM_ROLES)


def user(text: str) -> Message:
    """Build a user message of one text part."""
    return Message(role=MessageRole.USER, parts=(Text(text=text),))
