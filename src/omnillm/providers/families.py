"""Which endpoint families a kind of provider has beside generation, in which wire formats, and where."""

from typing import Final, Literal

from omnillm.endpoints.format import (
    EMBEDDINGS,
    IMAGE_EDITS,
    IMAGE_GENERATIONS,
    IMAGE_VARIATIONS,
    MODERATIONS,
    RERANK,
    SPEECH,
    TRANSCRIPTIONS,
    TRANSLATIONS,
)

OPENAI: Final = (
    *("openai_embeddings", "openai_moderations"),
    *("openai_image_generations", "openai_image_edits", "openai_image_variations"),
    *("openai_speech", "openai_transcriptions", "openai_translations"),
)
HOSTS: Final = (*OPENAI, "openai_rerank")
"""Formats of a host that speaks OpenAI's protocol: it answers 404 for what it does not have."""
FORMATS_OF_KIND: Final[dict[str, tuple[str, ...]]] = {
    "openai": OPENAI,
    "openai_compatible": HOSTS,
    "azure_openai": (
        *("openai_embeddings", "openai_image_generations", "openai_image_edits"),
        *("openai_speech", "openai_transcriptions", "openai_translations"),
    ),
    "groq": ("openai_speech", "openai_transcriptions", "openai_translations"),
    "mistral": ("openai_embeddings", "openai_moderations", "openai_transcriptions"),
    "together": (
        *("openai_embeddings", "openai_rerank", "openai_image_generations"),
        *("openai_speech", "openai_transcriptions", "openai_translations"),
    ),
    "fireworks": ("openai_embeddings", "openai_rerank"),
    "openrouter": ("openai_embeddings",),
    "xai": ("openai_image_generations",),
    "ollama": ("openai_embeddings",),
    "vllm": ("openai_embeddings", "openai_rerank", "openai_transcriptions", "openai_translations"),
    "lm_studio": ("openai_embeddings",),
    # The batch first: whatever is translated for Gemini is said in it.
    "gemini": ("gemini_batch_embed_contents", "gemini_embed_content"),
    # A model has one of them: `Endpoint.serves`.
    "bedrock": ("titan_embed", "bedrock_cohere_embed"),
}
"""Kind -> wire formats; of several in one family the first is what a call in a foreign format becomes."""
FAMILY_PATHS: Final[dict[tuple[str, str], str]] = {
    ("openai_embeddings", EMBEDDINGS): "/embeddings",
    ("openai_moderations", MODERATIONS): "/moderations",
    ("openai_rerank", RERANK): "/rerank",
    ("openai_image_generations", IMAGE_GENERATIONS): "/images/generations",
    ("openai_image_edits", IMAGE_EDITS): "/images/edits",
    ("openai_image_variations", IMAGE_VARIATIONS): "/images/variations",
    ("openai_speech", SPEECH): "/audio/speech",
    ("openai_transcriptions", TRANSCRIPTIONS): "/audio/transcriptions",
    ("openai_translations", TRANSLATIONS): "/audio/translations",
    ("gemini_embed_content", EMBEDDINGS): "/{model}:embedContent",
    ("gemini_batch_embed_contents", EMBEDDINGS): "/{model}:batchEmbedContents",
    ("cohere_embed", EMBEDDINGS): "/embed",
    ("cohere_rerank", RERANK): "/rerank",
    ("jina_rerank", RERANK): "/rerank",
    ("titan_embed", EMBEDDINGS): "/model/{model}/invoke",
    ("bedrock_cohere_embed", EMBEDDINGS): "/model/{model}/invoke",
}
"""(wire format, family) -> upstream path, also of formats that no kind has yet."""
SERVED: Final = tuple(key for key in FAMILY_PATHS if key[0].startswith(("openai_", "gemini_")))
"""(wire format, family) that clients can ask in: there is an SDK for it, or a path in common use."""
STREAMS: Final[dict[str, Literal["sse", "binary"]]] = {
    SPEECH: "binary",
    IMAGE_GENERATIONS: "sse",
    IMAGE_EDITS: "sse",
    TRANSCRIPTIONS: "sse",
}
"""How the reply of a family may come beside whole; one that does not stand here: only so."""
FAMILIES: Final = frozenset(family for _, family in FAMILY_PATHS)


def formats_of(kind: str, *, is_compat: bool = False) -> tuple[str, ...]:
    """() where the base URL is the whole URL: it is one operation's."""
    return () if is_compat else FORMATS_OF_KIND.get(kind, ())


def format_for(formats: tuple[str, ...], client_format: str, family: str) -> str:
    """The format in which a provider that has these is asked: the client's own where it has that; "": it does not have the family."""
    if client_format in formats:
        return client_format
    return next((each for each in formats if (each, family) in FAMILY_PATHS), "")


def families_of(kind: str, *, is_compat: bool = False) -> tuple[str, ...]:
    """In the order of its formats, for people."""
    formats = formats_of(kind, is_compat=is_compat)
    return tuple(dict.fromkeys(family for spoken in formats for each, family in FAMILY_PATHS if each == spoken))
