"""How many tokens a prompt is before the provider counts them: an estimate for limits, a provable bound for money.

No tokenizer is carried: for the models that matter none is public, and four bytes a token is within 25 % of true counts for text. A token
is never less than one byte of text, so the bytes themselves are the bound; what providers add unseen (a tool prompt, message framing)
is a constant a protocol.
"""

HIDDEN_TOKENS = {
    "openai_chat": 100,
    "openai_responses": 100,
    "anthropic_messages": 700,
    "gemini_generate_content": 20,
    "gemini_interactions": 20,
    "bedrock_converse": 700,
    "bedrock_invoke": 700,
    "canonical": 0,
}
"""Upper bounds of what stands in a provider's count but not in the body. The endpoint families weigh it with each text."""


def prompt_tokens(text_bytes: int, usual_media: int, most_media: int, protocol: str) -> tuple[int, int]:
    """(by estimate, at most). Media weigh so many tokens usually, and so many at most."""
    return (text_bytes + 3) // 4 + usual_media, text_bytes + most_media + HIDDEN_TOKENS.get(protocol, 0)
