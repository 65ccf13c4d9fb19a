"""https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest: Gemini, and Claude in its own Messages API."""

import re

import msgspec

from omnillm.protocols.counts import UNREADABLE
from omnillm.providers.anthropic_body import AnthropicBody
from omnillm.providers.endpoint import Endpoint
from omnillm.providers.protocol_names import ANTHROPIC_MESSAGES, GEMINI_GENERATE_CONTENT
from omnillm.secret import Secret

_GOOGLE = "/publishers/google/models/{model}:{method}"
_ANTHROPIC = "/publishers/anthropic/models/"
_CLAUDE = re.compile(r"^claude-")


class _Told(msgspec.Struct, frozen=True, gc=False):
    type: str = ""


def _error_protocol(protocol: str, body: bytes) -> str:
    """Claude's own errors come through; those of the cloud before it are Google's."""
    if protocol != ANTHROPIC_MESSAGES:
        return protocol
    try:
        return ANTHROPIC_MESSAGES if msgspec.json.decode(body, type=_Told).type == "error" else GEMINI_GENERATE_CONTENT
    except UNREADABLE:
        return GEMINI_GENERATE_CONTENT


VERTEX_AI = Endpoint(
    kind="vertex_ai",
    protocols=(GEMINI_GENERATE_CONTENT, ANTHROPIC_MESSAGES),
    base_url=Secret(""),
    version="",
    cloud_paths={
        (GEMINI_GENERATE_CONTENT, "generate", False): _GOOGLE,
        (GEMINI_GENERATE_CONTENT, "generate", True): _GOOGLE,
        (GEMINI_GENERATE_CONTENT, "count_tokens", False): _GOOGLE,
        (GEMINI_GENERATE_CONTENT, "realtime", False): "/ws/google.cloud.aiplatform.{version}.LlmBidiService/BidiGenerateContent",
        (ANTHROPIC_MESSAGES, "generate", False): f"{_ANTHROPIC}{{model}}:rawPredict",
        (ANTHROPIC_MESSAGES, "generate", True): f"{_ANTHROPIC}{{model}}:streamRawPredict",
        (ANTHROPIC_MESSAGES, "count_tokens", False): f"{_ANTHROPIC}count-tokens:rawPredict",
    },
    serves={GEMINI_GENERATE_CONTENT: re.compile(r"^(?!claude-)"), ANTHROPIC_MESSAGES: _CLAUDE},
    anthropic_body=AnthropicBody(version="vertex-2023-10-16", left_out=("model",)),
    error_protocol=_error_protocol,
    unsent=("anthropic-version",),
    has_sessions=True,
    credentials="google",
)
