"""OpenAI-compatible hosts that many use, as data: where they are, what they speak, and where they differ from OpenAI.

The sources are each host's own reference and what it answers to a body that OpenAI takes: Mistral refuses what it does not know (422
`extra_forbidden`), and so does Perplexity (400), DeepSeek the role `developer` (400), and a local server needs no key.
"""

from typing import Final

from omnillm.outcome import Verdict
from omnillm.protocols.protocol_names import ANTHROPIC_MESSAGES, OPENAI_CHAT, OPENAI_RESPONSES
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.paths import COUNT_TOKENS
from omnillm.secret import Secret

MAX_TOKENS: Final = "max_tokens"
MAX_COMPLETION_TOKENS: Final = "max_completion_tokens"
BOTH: Final = (OPENAI_CHAT, OPENAI_RESPONSES)

PRESETS: Final = (
    Endpoint(
        kind="groq",
        protocols=BOTH,
        base_url=Secret("https://api.groq.com/openai/v1"),
        version="openai/v1",
        chat_cap_member=MAX_COMPLETION_TOKENS,
        asks_usage=True,
    ),
    Endpoint(
        kind="mistral",
        protocols=(OPENAI_CHAT,),
        base_url=Secret("https://api.mistral.ai/v1"),
        version="v1",
        chat_cap_member=MAX_TOKENS,
        has_one_cap=True,
        refused=("stream_options",),  # a stream always ends with its usage
    ),
    Endpoint(
        kind="deepseek",
        protocols=(OPENAI_CHAT,),
        pinnable=BOTH,
        base_url=Secret("https://api.deepseek.com/v1"),
        version="v1",
        chat_cap_member=MAX_TOKENS,
        has_one_cap=True,
        asks_usage=True,
        content="string",
    ),
    Endpoint(
        kind="together",
        protocols=(OPENAI_CHAT,),
        base_url=Secret("https://api.together.xyz/v1"),
        version="v1",
        chat_cap_member=MAX_TOKENS,
        has_one_cap=True,
        asks_usage=True,
    ),
    Endpoint(
        kind="fireworks",
        protocols=BOTH,
        base_url=Secret("https://api.fireworks.ai/inference/v1"),
        version="inference/v1",
        chat_cap_member=MAX_TOKENS,
        asks_usage=True,
        verdicts={"precondition_failed": Verdict.QUOTA_EXHAUSTED},  # of an account that is suspended, under a 412
    ),
    Endpoint(
        kind="openrouter",
        protocols=(OPENAI_CHAT,),
        pinnable=(OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC_MESSAGES),
        base_url=Secret("https://openrouter.ai/api/v1"),
        version="api/v1",
        chat_cap_member=MAX_TOKENS,
        asks_usage=True,
    ),
    Endpoint(
        kind="xai",
        protocols=BOTH,
        base_url=Secret("https://api.x.ai/v1"),
        version="v1",
        chat_cap_member=MAX_COMPLETION_TOKENS,
        asks_usage=True,
    ),
    Endpoint(
        kind="perplexity",
        protocols=(OPENAI_RESPONSES,),  # its Agent API; chat/completions is refused with 403 since 2026-09-27
        base_url=Secret("https://api.perplexity.ai/v1"),
        version="v1",
        paths={(OPENAI_RESPONSES, COUNT_TOKENS): ""},
        is_narrow=True,
    ),
    Endpoint(
        kind="cerebras",
        protocols=(OPENAI_CHAT,),
        base_url=Secret("https://api.cerebras.ai/v1"),
        version="v1",
        chat_cap_member=MAX_COMPLETION_TOKENS,
        asks_usage=True,
    ),
    Endpoint(
        kind="ollama",
        protocols=(OPENAI_CHAT,),
        pinnable=(OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC_MESSAGES),
        base_url=Secret("http://127.0.0.1:11434/v1"),
        version="v1",
        chat_cap_member=MAX_TOKENS,
        has_one_cap=True,
        asks_usage=True,
        is_keyless=True,
    ),
    Endpoint(
        kind="vllm",
        protocols=(OPENAI_CHAT,),
        pinnable=(OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC_MESSAGES),
        base_url=Secret("http://127.0.0.1:8000/v1"),
        version="v1",
        chat_cap_member=MAX_COMPLETION_TOKENS,
        asks_usage=True,
        is_keyless=True,
    ),
    Endpoint(
        kind="lm_studio",
        protocols=(OPENAI_CHAT,),
        pinnable=(OPENAI_CHAT, OPENAI_RESPONSES),
        base_url=Secret("http://127.0.0.1:1234/v1"),
        version="v1",
        chat_cap_member=MAX_TOKENS,
        has_one_cap=True,
        asks_usage=True,
        is_keyless=True,
    ),
)
