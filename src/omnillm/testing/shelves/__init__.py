"""What the fake provider keeps, by protocol."""

from collections.abc import Mapping

from omnillm.testing.shelves import anthropic, gemini, openai
from omnillm.testing.shelves.shelf import Answer, Handler, Shelf, Shelves

__all__ = ["HANDLERS", "Answer", "Shelf", "Shelves"]

HANDLERS: Mapping[str, Handler] = {
    "openai_chat": openai.answer,
    "openai_responses": openai.answer,
    "anthropic_messages": anthropic.answer,
    "gemini_generate_content": gemini.answer,
    "gemini_interactions": gemini.interaction,
}
