"""The paths of operations below a base URL: "generate", "count_tokens", "models", "realtime", and those of the endpoint families."""

from typing import Final

from omnillm.protocols.protocol_names import ANTHROPIC_MESSAGES, GEMINI_GENERATE_CONTENT, GEMINI_INTERACTIONS, OPENAI_CHAT, OPENAI_RESPONSES
from omnillm.providers.families import FAMILY_PATHS

GENERATE: Final = "generate"
COUNT_TOKENS: Final = "count_tokens"
REALTIME: Final = "realtime"
"""A live session over WebSocket."""
PATHS = {
    (OPENAI_CHAT, "generate"): "/chat/completions",
    (OPENAI_CHAT, "models"): "/models",
    (OPENAI_CHAT, "realtime"): "/realtime",
    (OPENAI_RESPONSES, "generate"): "/responses",
    (OPENAI_RESPONSES, "count_tokens"): "/responses/input_tokens",
    (OPENAI_RESPONSES, "models"): "/models",
    (ANTHROPIC_MESSAGES, "generate"): "/messages",
    (ANTHROPIC_MESSAGES, "count_tokens"): "/messages/count_tokens",
    (ANTHROPIC_MESSAGES, "models"): "/models",
    (GEMINI_GENERATE_CONTENT, "generate"): "/{model}:{method}",
    (GEMINI_GENERATE_CONTENT, "count_tokens"): "/{model}:{method}",
    (GEMINI_GENERATE_CONTENT, "models"): "/models",
    (GEMINI_GENERATE_CONTENT, "realtime"): "/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent",
    (GEMINI_INTERACTIONS, "generate"): "/interactions",
    **FAMILY_PATHS,
}
GEMINI_METHODS = {
    ("generate", False): "generateContent",
    ("generate", True): "streamGenerateContent",
    ("count_tokens", False): "countTokens",
}
GEMINI_OPERATIONS = {method: asked for asked, method in GEMINI_METHODS.items()}
"""Method -> (operation, whether it streams)."""
GEMINI_FORMATS = {"embedContent": "gemini_embed_content", "batchEmbedContents": "gemini_batch_embed_contents"}
"""Method -> the wire format of embeddings that it is asked in."""
GEMINI_SESSIONS = frozenset(
    (
        *(f"/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent" for version in ("v1beta", "v1alpha", "v1")),
        *(f"/ws/google.cloud.aiplatform.{version}.LlmBidiService/BidiGenerateContent" for version in ("v1beta1", "v1")),
    )
)
"""Where clients open live sessions, of Gemini's own API and of Vertex AI."""
UPLOADS, DOWNLOADS = "/upload/", "/download/"
"""Where Gemini's uploads, and its files' contents, begin: at the origin."""
