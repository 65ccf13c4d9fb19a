"""Claude on Vertex AI: the Messages API's words, its version in the body, the model in the path; some errors are Google's."""

from msgspec.structs import replace

from omnillm.testing.replies import anthropic_messages, gemini_generate_content
from omnillm.testing.replies.speaker import Asked, Json, Malformed, Standing, Trouble

VERSIONS = frozenset({"vertex-2023-10-16", "2026-10-21"})
"""The second is what newer SDKs say to newer models."""
CLAUDES_OWN = frozenset({400, 413, 529})
"""Statuses under which the model's own error comes through."""


def read(body: Json) -> Asked:
    if "model" in body:
        raise Malformed("model: Extra inputs are not permitted")
    return replace(anthropic_messages.read({**_versioned(body), "model": "in-the-path"}), model="")


def read_count(body: Json) -> Asked:
    return anthropic_messages.read_count(_versioned(body))


def _versioned(body: Json) -> Json:
    if body.get("anthropic_version") not in VERSIONS:
        raise Malformed("anthropic_version: Field required")
    return body


def error(trouble: Trouble) -> Json:
    return anthropic_messages.error(trouble) if trouble.status in CLAUDES_OWN else gemini_generate_content.error(trouble)


def fields(standing: Standing) -> dict[str, str]:
    return gemini_generate_content.fields(standing) | {"request-id": standing.request_id}


CLAUDE = replace(anthropic_messages.SPEAKER, read=read, error=error, fields=fields)
COUNTED = replace(CLAUDE, read=read_count)
"""Asked for the tokens of a prompt, with its model in the body."""
