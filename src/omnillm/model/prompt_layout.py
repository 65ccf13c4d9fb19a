"""Prompts laid out for a provider's cache: what never changes first, what changes last, and a key that names only the former."""

import hashlib

import msgspec
from msgspec.structs import replace

from omnillm.model.capabilities import (
    Auto,
    CapabilitySet,
    EndOfMessage,
    ExplicitKey,
    PromptCachePolicy,
    PromptCacheRetention,
    StablePrefixKey,
    ToolDefinition,
)
from omnillm.model.message import SYSTEM_ROLES, Message, RequestItem
from omnillm.model.request import GenerationConfig, LlmRequest

_encode = msgspec.json.Encoder(order="deterministic").encode


class PromptLayoutBuilder:
    """Builds a request whose beginning stays the same from call to call.

    Every method but `build` returns the builder. Without `cached`, providers cache by their own rules, and no mark is set.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._instructions: str | None = None
        self._tools: list[ToolDefinition] = []
        self._stable: list[Message] = []
        self._dynamic: list[RequestItem] = []
        self._generation = GenerationConfig()
        self._policy: PromptCachePolicy | None = None

    def instructions(self, text: str) -> "PromptLayoutBuilder":
        self._instructions = text
        return self

    def tool(self, tool: ToolDefinition) -> "PromptLayoutBuilder":
        self._tools.append(tool)
        return self

    def stable(self, message: Message) -> "PromptLayoutBuilder":
        """Add a message that is the same in every call: examples, a document."""
        self._stable.append(message)
        return self

    def dynamic(self, item: RequestItem) -> "PromptLayoutBuilder":
        """Add what this call is about. It comes after everything stable, and is no part of a generated key."""
        self._dynamic.append(item)
        return self

    def generation(self, generation: GenerationConfig) -> "PromptLayoutBuilder":
        self._generation = generation
        return self

    def cached(self, policy: PromptCachePolicy | None = None) -> "PromptLayoutBuilder":
        """Ask for a cache up to the end of the stable part. A breakpoint that `policy` sets itself wins."""
        self._policy = PromptCachePolicy() if policy is None else policy
        return self

    def generated_key(
        self,
        *,
        tenant: str = "",
        is_required: bool = False,
        retention: PromptCacheRetention = PromptCacheRetention.PROVIDER_DEFAULT,
    ) -> "PromptLayoutBuilder":
        """Ask for a cache under a key made from the stable part (`stable_prefix_key`); `tenant` keeps two tenants' keys apart."""
        policy = PromptCachePolicy.required() if is_required else PromptCachePolicy.best_effort()
        self._policy = replace(policy, key=StablePrefixKey(tenant=tenant), retention=retention)
        return self

    def build(self) -> LlmRequest:
        policy = self._policy
        turns = sum(message.role not in SYSTEM_ROLES for message in self._stable)
        if policy is not None and turns and policy.breakpoint == Auto():
            policy = replace(policy, breakpoint=EndOfMessage(index=turns - 1))
        return LlmRequest(
            model=self._model,
            input=(*self._stable, *self._dynamic),
            instructions=self._instructions,
            capabilities=CapabilitySet(tools=tuple(self._tools), prompt_cache=policy),
            generation=self._generation,
        )


def stable_prefix_key(request: LlmRequest, *, provider: str, protocol: str, tenant: str = "") -> str:
    """Name the part of a request that its cache policy calls stable: 64 hex digits, the SHA-256 of it.

    That part: instructions, tools, leading system messages, and the messages up to an `EndOfMessage` breakpoint. What follows is dynamic
    and has no influence. The same prefix for another provider, protocol, model or tenant has another key.
    """
    policy = request.capabilities.prompt_cache
    turns = policy.breakpoint.index + 1 if policy is not None and isinstance(policy.breakpoint, EndOfMessage) else 0
    prefix = [provider, protocol, request.model, tenant, request.instructions, request.capabilities.tools, _first_turns(request, turns)]
    return hashlib.sha256(_encode(prefix)).hexdigest()


def _first_turns(request: LlmRequest, turns: int) -> list[RequestItem]:
    """Return the items up to the end of the given number of turns; system messages and tool results on the way are no turns."""
    first: list[RequestItem] = []
    for item in request.input:
        if type(item) is not Message or item.role not in SYSTEM_ROLES:
            if turns <= 0:
                break
            turns -= type(item) is Message
        first.append(item)
    return first


def with_explicit_key(request: LlmRequest, *, provider: str, protocol: str) -> LlmRequest:
    """Replace a `StablePrefixKey` by the key itself, as an emitter needs it."""
    policy = request.capabilities.prompt_cache
    if policy is None or not isinstance(policy.key, StablePrefixKey):
        return request
    key = stable_prefix_key(request, provider=provider, protocol=protocol, tenant=policy.key.tenant)
    policy = replace(policy, key=ExplicitKey(value=key))
    return replace(request, capabilities=replace(request.capabilities, prompt_cache=policy))
