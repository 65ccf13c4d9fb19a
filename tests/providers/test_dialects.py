"""Differences of hosts and models inside one protocol, by the model's name."""

from typing import Any

from tests.in_turn import in_turn

from omnillm.providers.dialects import dialect_of
from omnillm.providers.kinds import endpoint
from omnillm.secret import Secret


def dialect(kind: str, protocol: str, model: str, base_url: str | None = None) -> Any:
    base_url = base_url or ("http://127.0.0.1:1/v1" if kind in {"openai_compatible", "bedrock"} else None)
    asked = endpoint(kind, base_url=Secret(base_url) if base_url else None)
    return dialect_of(asked, provider="p", protocol=protocol, model=model, most_output=0, default_output=100)


@in_turn(
    ("model", "is_adaptive", "can_stop"),
    [
        ("claude-haiku-4-5-20251001", False, True),
        ("claude-sonnet-4-5", False, True),
        ("claude-opus-4-6", False, True),
        ("claude-opus-4-7", True, True),
        ("claude-sonnet-5", True, True),
        ("claude-sonnet-5-5", True, False),
        ("claude-fable-5", True, False),
        ("claude-3-5-sonnet-20241022", False, True),
        ("my-own-name", False, True),
    ],
)
def test_newer_claude_models_take_an_effort_and_no_sampling(model: str, is_adaptive: bool, can_stop: bool) -> None:
    """And the newest cannot be told not to think."""
    found = dialect("anthropic", "anthropic_messages", model)
    assert (found.thinks_adaptively, not found.accepts_sampling, found.can_stop_thinking) == (is_adaptive, is_adaptive, can_stop)


@in_turn(
    ("model", "forces", "between"),
    [
        ("claude-opus-5", True, False),
        ("claude-opus-5-5", False, False),
        ("claude-sonnet-5", True, False),
        ("claude-sonnet-5-5", False, True),
        ("us.anthropic.claude-sonnet-5-5-v1:0", False, True),
        ("claude-fable-5", True, False),
        ("claude-fable-5-1", False, False),
        ("claude-mythos-5-1", False, False),
        ("claude-haiku-5-5", True, False),
        ("my-own-name", True, False),
    ],
)
def test_newest_claude_models_cannot_be_forced_to_call(model: str, forces: bool, between: bool) -> None:
    """Sonnet thinks between calls of tools at least; Converse is not known to take the word for it."""
    found = dialect("anthropic", "anthropic_messages", model)
    assert (found.forces_calls, found.thinks_between_tools) == (forces, between)
    converse = dialect("bedrock", "bedrock_converse", model)
    assert (converse.forces_calls, converse.thinks_between_tools) == (forces, False)


@in_turn(
    ("model", "takes_last_word"),
    [
        ("gemini-2.5-pro", True),
        ("gemini-3.1-pro-preview", True),
        ("gemini-3.5-flash", True),
        ("gemini-3.5-flash-lite", False),
        ("gemini-3.6-flash", False),
        ("gemini-4-neon", False),
        ("gemini-flash-latest", False),
        ("claude-opus-4-5-20251101", True),
        ("claude-opus-4-6", False),
        ("us.anthropic.claude-opus-4-6-v1:0", False),
        ("claude-sonnet-4-20250514", True),
        ("claude-sonnet-4.6", False),
        ("claude-haiku-4-5", True),
        ("claude-haiku-5", False),
        ("claude-mythos-5", False),
        ("claude-sonnet-latest", False),
        ("claude-3-7-sonnet-latest", True),
        ("gpt-5", True),
    ],
)
def test_newer_models_do_not_go_on_from_their_own_words(model: str, takes_last_word: bool) -> None:
    """The user must have the last word."""
    kind, protocol = ("gemini", "gemini_interactions") if model.startswith("gemini") else ("anthropic", "anthropic_messages")
    assert dialect(kind, protocol, model).takes_last_word is takes_last_word


@in_turn(
    ("kind", "base_url", "said"),
    [
        ("openai_compatible", "https://api.moonshot.ai/v1", ("reasoning_content", True, 0)),
        ("openai_compatible", "https://api.groq.com/openai/v1", ("reasoning", False, 0)),
        ("openai_compatible", "https://api.x.ai/v1", ("reasoning_content", False, 0)),
        ("openai_compatible", "http://127.0.0.1:1/v1", ("reasoning_content", False, 0)),
        ("mistral", None, ("", False, 9)),
    ],
)
def test_hosts_differ_in_what_an_assistant_may_have_thought(kind: str, base_url: str | None, said: tuple[str, bool, int]) -> None:
    """A host is known by its address, too, and its calls' ids have its form."""
    found = dialect(kind, "openai_chat", "m", base_url)
    assert (found.thoughts_member, found.needs_thoughts, found.id_length) == said


@in_turn(
    ("kind", "base_url", "model", "said"),
    [
        ("deepseek", None, "deepseek-flash", (True, False)),
        ("openai_compatible", "https://api.moonshot.ai/v1", "kimi-k2.6", (True, True)),
        ("openai_compatible", "https://api.moonshot.ai/v1", "kimi-k3", (False, True)),
        ("openai", None, "gpt-5", (False, True)),
    ],
)
def test_hosts_whose_models_think_unless_they_are_told(kind: str, base_url: str | None, model: str, said: tuple[bool, bool]) -> None:
    """And DeepSeek's chat holds no answer to a schema, which its Responses do."""
    found = dialect(kind, "openai_chat", model, base_url)
    assert (found.switches_thoughts, found.takes_schemas) == said
    assert kind != "deepseek" or dialect(kind, "openai_responses", model).takes_schemas


@in_turn(
    ("model", "is_sampled"),
    [
        ("us.openai.gpt-6-sol", False),
        ("openai.gpt-5.6-luna", False),
        ("openai.gpt-oss-120b-1:0", True),
        ("global.xai.grok-4.6", False),
        ("global.anthropic.claude-opus-5-5", False),
        ("us.amazon.nova-2-lite-v1:0", True),
    ],
)
def test_models_of_bedrock_that_take_a_temperature(model: str, is_sampled: bool) -> None:
    """ "This model doesn't support the temperature field" is what the others answer, with a 400."""
    assert dialect("bedrock", "bedrock_converse", model).accepts_sampling is is_sampled


@in_turn(
    ("model", "takes_schemas"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        ("anthropic.claude-opus-4-1-20250805-v1:0", False),
        ("eu.anthropic.claude-sonnet-4-20250514-v1:0", False),
        ("global.anthropic.claude-sonnet-5", True),
        ("amazon.nova-pro-v1:0", False),
        ("meta.llama4-maverick-17b-instruct-v1:0", False),
        ("qwen.qwen3-32b-v1:0", True),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/own", True),
    ],
)
def test_models_of_bedrock_that_hold_to_a_schema(model: str, takes_schemas: bool) -> None:
    """The others refuse the call, as AWS's list of models tells."""
    assert dialect("bedrock", "bedrock_converse", model).takes_schemas is takes_schemas


def test_words_on_reasoning_are_of_openais_protocols() -> None:
    """Of a compatible host nothing is known."""
    assert dialect("openai", "openai_responses", "gpt-4.1-mini").efforts == ()
    assert dialect("openai", "openai_chat", "gpt-5.1").efforts == ("none", "low", "medium", "high")
    assert dialect("openai_compatible", "openai_chat", "gpt-4.1-mini").efforts is None


@in_turn(
    ("kind", "model", "can_stop", "has_search"),
    [
        ("openai", "gpt-4.1-mini", False, False),
        ("openai", "o3", False, False),
        ("openai", "gpt-5", False, False),
        ("openai", "gpt-5.1", True, False),
        ("openai", "gpt-5.1-codex", False, False),
        ("openai", "gpt-6-luna", True, False),
        ("openai", "gpt-6.2-astra", False, False),
        ("openai", "gpt-4o-search-preview", False, True),
        ("openai_compatible", "gpt-5.1", False, False),
        ("openai_compatible", "deepseek-search", False, False),
    ],
)
def test_openai_models_and_hosts_differ(kind: str, model: str, can_stop: bool, has_search: bool) -> None:
    """What a compatible host takes nobody knows, so it is told less."""
    found = dialect(kind, "openai_chat", model)
    assert (found.can_stop_thinking, found.has_web_search, found.is_openai) == (can_stop, has_search, kind == "openai")
    assert found.system_role == ("developer" if kind == "openai" else "system")
    assert "gpt-6" not in model or found.efforts[-1] == "xhigh"  # from there on `max` is Responses' alone
    assert "gpt-6" not in model or dialect(kind, "openai_responses", model).efforts[-1] == "max"


@in_turn(("model", "is_new"), [("gemini-2.5-flash", False), ("gemini-3-pro-preview", True), ("gemini-flash-latest", True)])
def test_newer_gemini_models_think_in_levels(model: str, is_new: bool) -> None:
    """And take Google's own tools beside functions."""
    found = dialect("gemini", "gemini_generate_content", model)
    assert (found.thinks_in_levels, found.joins_tools) == (is_new, is_new)
    assert found.can_stop_thinking is (model == "gemini-2.5-flash")
