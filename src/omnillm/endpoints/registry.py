"""The wire formats of the endpoint families by name: adding one means adding a line here."""

import enum
from typing import Final

from msgspec.structs import replace

from omnillm.endpoints.api import CANONICAL_EMBEDDINGS, CANONICAL_RERANK
from omnillm.endpoints.embedding_formats import (
    BEDROCK_COHERE_EMBED,
    COHERE_EMBED,
    GEMINI_BATCH_EMBED,
    GEMINI_EMBED,
    OPENAI_EMBEDDINGS,
    TITAN_EMBED,
)
from omnillm.endpoints.format import Format
from omnillm.endpoints.image_formats import OPENAI_IMAGE_EDITS, OPENAI_IMAGE_GENERATIONS, OPENAI_IMAGE_VARIATIONS
from omnillm.endpoints.moderation import OPENAI_MODERATIONS
from omnillm.endpoints.rerank import COHERE_RERANK, JINA_RERANK, OPENAI_RERANK
from omnillm.endpoints.speech import OPENAI_SPEECH
from omnillm.endpoints.transcription import OPENAI_TRANSCRIPTIONS, OPENAI_TRANSLATIONS

FORMATS: Final[dict[str, Format]] = {
    each.name: replace(each, protocol=replace(each.protocol, family=each.operation))
    for each in (
        OPENAI_EMBEDDINGS,
        GEMINI_EMBED,
        GEMINI_BATCH_EMBED,
        COHERE_EMBED,
        BEDROCK_COHERE_EMBED,
        TITAN_EMBED,
        OPENAI_MODERATIONS,
        OPENAI_RERANK,
        COHERE_RERANK,
        JINA_RERANK,
        OPENAI_IMAGE_GENERATIONS,
        OPENAI_IMAGE_EDITS,
        OPENAI_IMAGE_VARIATIONS,
        OPENAI_SPEECH,
        OPENAI_TRANSCRIPTIONS,
        OPENAI_TRANSLATIONS,
        CANONICAL_EMBEDDINGS,
        CANONICAL_RERANK,
    )
}


class WireFormat(enum.StrEnum):
    """Their names, as a program writes them."""

    OPENAI_EMBEDDINGS = "openai_embeddings"
    GEMINI_EMBED_CONTENT = "gemini_embed_content"
    GEMINI_BATCH_EMBED_CONTENTS = "gemini_batch_embed_contents"
    COHERE_EMBED = "cohere_embed"
    BEDROCK_COHERE_EMBED = "bedrock_cohere_embed"
    TITAN_EMBED = "titan_embed"
    OPENAI_MODERATIONS = "openai_moderations"
    OPENAI_RERANK = "openai_rerank"
    COHERE_RERANK = "cohere_rerank"
    JINA_RERANK = "jina_rerank"
    OPENAI_IMAGE_GENERATIONS = "openai_image_generations"
    OPENAI_IMAGE_EDITS = "openai_image_edits"
    OPENAI_IMAGE_VARIATIONS = "openai_image_variations"
    OPENAI_SPEECH = "openai_speech"
    OPENAI_TRANSCRIPTIONS = "openai_transcriptions"
    OPENAI_TRANSLATIONS = "openai_translations"
