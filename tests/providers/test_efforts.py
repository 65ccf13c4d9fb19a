"""Words on reasoning that a model takes: with another one its host refuses the call."""

from tests.in_turn import in_turn

from omnillm.providers.efforts import levels_of
from omnillm.providers.hosts import host_of

_USUAL = ("low", "medium", "high")


@in_turn(
    ("model", "efforts"),
    [
        ("gpt-4.1-mini", ()),
        ("gpt-4o-2024-08-06", ()),
        ("global/gpt-4o", ()),
        ("gpt-35-turbo", ()),
        ("gpt-5-search-api", ()),
        ("gpt-5-chat-latest", ()),
        ("gpt-5", ("minimal", *_USUAL)),
        ("gpt-5-mini-2025-08-07", ("minimal", *_USUAL)),
        ("gpt-5-pro", ("high",)),
        ("gpt-5.1", ("none", *_USUAL)),
        ("gpt-5-1", ("none", *_USUAL)),
        ("gpt-5.1-chat-latest", ("medium",)),
        ("gpt-5.1-codex-mini", _USUAL),
        ("gpt-5.1-codex-max", (*_USUAL, "xhigh")),
        ("gpt-5.4", ("none", *_USUAL, "xhigh")),
        ("gpt-5.4-pro", ("medium", "high", "xhigh")),
        ("gpt-5.3-codex", (*_USUAL, "xhigh")),
        ("gpt-5.6-sol", ("none", *_USUAL, "xhigh", "max")),
        ("gpt-6-luna", ("none", *_USUAL, "xhigh", "max")),
        ("gpt-6-sol", ("none", *_USUAL, "xhigh", "max")),
        ("gpt-6.1-terra", ("none", *_USUAL, "xhigh", "max")),
        ("gpt-6-astra", (*_USUAL, "xhigh", "max")),
        ("gpt-6.1-sol", (*_USUAL, "xhigh", "max")),
        ("gpt-6.2-sol", (*_USUAL, "xhigh", "max")),
        ("o3", _USUAL),
        ("ft:o4-mini-2025-04-16", _USUAL),
        ("o3-deep-research", ("medium",)),
        ("chat-latest", ("medium",)),
        ("gpt-oss-120b", _USUAL),
        ("my-own-deployment", None),
    ],
)
def test_models_of_openai_differ_by_generation(model: str, efforts: tuple[str, ...] | None) -> None:
    """What is asked of a snapshot, a fine-tune or a region of one is what its family takes."""
    assert host_of("openai", model).efforts == host_of("azure_openai", model).efforts == efforts


@in_turn(
    ("vendor", "model", "efforts"),
    [
        ("mistral", "mistral-small-2603", ("none", "high")),
        ("mistral", "mistral-medium-3-5", ("none", "high")),
        ("mistral", "mistral-large-4", _USUAL),
        ("mistral", "mistral-large-2512", ()),
        ("mistral", "codestral-latest", ()),
        ("groq", "openai/gpt-oss-120b", _USUAL),
        ("groq", "qwen/qwen3.6-27b", ("none",)),
        ("groq", "llama-3.3-70b-versatile", ()),
        ("deepseek", "deepseek-flash", ("none", "minimal", *_USUAL, "xhigh", "max")),
        ("xai", "grok-4.3", ("none", *_USUAL)),
        ("xai", "grok-4.5", _USUAL),
        ("xai", "grok-4.7", (*_USUAL, "xhigh")),
        ("xai", "grok-4.20-multi-agent-0309", (*_USUAL, "xhigh")),
        ("xai", "grok-3-mini", ("low", "high")),
        ("xai", "grok-4-0709", ()),
        ("xai", "grok-4-1-fast-reasoning", ()),
        ("xai", "grok-4.20-0309-reasoning", ()),
        ("xai", "grok-code-fast-1", ()),
        ("xai", "grok-latest", _USUAL),
        ("vllm", "gpt-5", None),
        ("", "gpt-5", None),
    ],
)
def test_hosts_take_words_of_their_own(vendor: str, model: str, efforts: tuple[str, ...] | None) -> None:
    """Of a host that refuses none nothing is known, whatever its models are called."""
    assert host_of(vendor, model).efforts == efforts


@in_turn(
    ("model", "rested"),
    [
        ("gpt-4.1", None),
        ("gpt-5-chat-latest", None),
        ("gpt-oss-20b", None),
        ("my-own-deployment", None),
        ("gpt-5", False),
        ("o3", False),
        ("gpt-5.1-codex", False),
        ("gpt-5.1", True),
        ("gpt-5.4-mini", True),
        ("gpt-5.5", False),
        ("gpt-6-sol", False),
    ],
)
def test_some_models_of_openai_reason_only_when_asked(model: str, rested: bool | None) -> None:
    """Another vendor's models take sampling while they reason."""
    assert host_of("openai", model).rests is host_of("azure_openai", model).rests is rested
    assert host_of("xai", model).rests is None


@in_turn(
    ("model", "levels"),
    [
        ("gemini-2.5-pro", None),
        ("gemini-2.5-flash-image", ()),
        ("gemma-3-27b-it", ()),
        ("gemini-3-pro-preview", ("low", "high")),
        ("gemini-3.1-pro-preview", _USUAL),
        ("gemini-3-flash-preview", ("minimal", *_USUAL)),
        ("gemini-3.5-flash-lite", ("minimal", *_USUAL)),
        ("gemini-3.7-flash", _USUAL),
        ("gemini-3.7-flash-lite", ("minimal", *_USUAL)),
        ("gemini-4-argon", _USUAL),
        ("gemini-4-hydrogen", (*_USUAL, "xhigh")),
        ("gemini-4-neon", (*_USUAL, "xhigh")),
        ("gemini-flash-latest", _USUAL),
    ],
)
def test_levels_of_gemini(model: str, levels: tuple[str, ...] | None) -> None:
    """ "Thinking level MINIMAL is not supported for this model" is what the others answer, with a 400."""
    assert levels_of(model) == levels
