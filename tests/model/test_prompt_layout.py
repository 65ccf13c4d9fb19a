"""Prompts laid out for a cache: what is stable comes first, and its key names nothing else."""

from msgspec.structs import replace
from tests.in_turn import in_turn

from omnillm.model import (
    Auto,
    EndOfMessage,
    ExplicitKey,
    GenerationConfig,
    LlmRequest,
    Message,
    MessageRole,
    PromptCachePolicy,
    PromptCacheRetention,
    PromptLayoutBuilder,
    StablePrefixKey,
    ToolDefinition,
    ToolResult,
    stable_prefix_key,
    user,
)
from omnillm.model.prompt_layout import with_explicit_key

SEARCH = ToolDefinition(name="search", description="Search the manual.", input_schema={"type": "object"})
EXAMPLE = user("An example.")


def layout() -> PromptLayoutBuilder:
    builder = PromptLayoutBuilder("gpt-4.1-mini").instructions("Be brief.").tool(SEARCH)
    return builder.stable(Message.text(MessageRole.SYSTEM, "The manual.")).stable(EXAMPLE)


def test_stable_part_comes_first_and_ends_at_the_breakpoint() -> None:
    """System messages are no turns: the breakpoint counts the others."""
    request = layout().dynamic(user("now?")).generation(GenerationConfig(max_output_tokens=9)).cached().build()
    assert [message.plain_text for message in request.messages] == ["The manual.", "An example.", "now?"]
    assert request.instructions == "Be brief."
    assert request.capabilities.tools == (SEARCH,)
    assert request.generation.max_output_tokens == 9
    assert request.capabilities.prompt_cache == PromptCachePolicy(breakpoint=EndOfMessage(index=0))


def test_breakpoint_of_the_caller_wins() -> None:
    """A policy that says where is taken as it is; without stable turns the protocol's own place is right."""
    policy = PromptCachePolicy(mode="required", breakpoint=EndOfMessage(index=7))
    assert layout().cached(policy).build().capabilities.prompt_cache == policy
    bare = PromptLayoutBuilder("m").instructions("Be brief.").cached().build().capabilities.prompt_cache
    assert bare is not None
    assert bare.breakpoint == Auto()
    assert layout().build().capabilities.prompt_cache is None


def test_generated_key_is_asked_for_with_its_tenant() -> None:
    """Required and retention are the policy's."""
    policy = layout().generated_key(tenant="a", is_required=True, retention=PromptCacheRetention.LONG).build().capabilities.prompt_cache
    assert policy is not None
    assert (policy.mode, policy.key, policy.retention) == ("required", StablePrefixKey(tenant="a"), PromptCacheRetention.LONG)


def key(request: LlmRequest, provider: str = "openai", protocol: str = "openai_chat", tenant: str = "") -> str:
    return stable_prefix_key(request, provider=provider, protocol=protocol, tenant=tenant)


def test_dynamic_input_has_no_influence_on_the_key() -> None:
    """Two calls with the same beginning share it."""
    first = layout().generated_key().dynamic(user("one")).build()
    second = layout().generated_key().dynamic(user("two")).dynamic(ToolResult(call_id="c")).build()
    assert key(first) == key(second)
    assert len(key(first)) == 64


@in_turn("changed", ["instructions", "model", "tools", "system", "stable", "provider", "protocol", "tenant"])
def test_whatever_is_stable_changes_the_key(changed: str) -> None:
    """As do provider, protocol, model and tenant."""
    request = layout().generated_key().dynamic(user("one")).build()
    before = key(request)
    manual = Message.text(MessageRole.SYSTEM, "Another manual.")
    changes = {
        "instructions": replace(request, instructions="Be long."),
        "model": replace(request, model="gpt-4.1"),
        "tools": replace(request, capabilities=replace(request.capabilities, tools=())),
        "system": replace(request, input=(manual, *request.input[1:])),
        "stable": replace(request, input=(request.input[0], user("Another example."), *request.input[2:])),
    }
    after = {
        "provider": key(request, provider="other"),
        "protocol": key(request, protocol="openai_responses"),
        "tenant": key(request, tenant="b"),
    }
    assert after.get(changed) != before
    if changed in changes:
        assert key(changes[changed]) != before


def test_key_becomes_explicit_before_a_request_is_written() -> None:
    """An emitter meets no other."""
    request = layout().generated_key(tenant="a").build()
    policy = with_explicit_key(request, provider="openai", protocol="openai_chat").capabilities.prompt_cache
    assert policy is not None
    assert policy.key == ExplicitKey(value=key(request, tenant="a"))
    plain = layout().build()
    assert with_explicit_key(plain, provider="openai", protocol="openai_chat") is plain
