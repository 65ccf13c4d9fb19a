"""Moderation and rerank: judged by the words alone."""

from omnillm.testing.families.provided import Provided, in_json
from omnillm.testing.generation import count_tokens
from omnillm.testing.replies.reading import demand
from omnillm.testing.request import Request
from omnillm.usage import Usage

CATEGORIES = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm"),
    *("self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic"),
)


def moderation(request: Request) -> Provided:
    """A text that says "violence" is violent; nothing is billed."""
    body = request.json
    given = body.get("input")
    texts = [given] if isinstance(given, str) else [each if isinstance(each, str) else each.get("text", "") for each in given or ()]
    if isinstance(given, list) and given and not isinstance(given[0], str):
        texts = [" ".join(texts)]
    model = body.get("model", "omni-moderation-latest")
    results = [
        {
            "flagged": "violence" in text,
            "categories": {name: name == "violence" and "violence" in text for name in CATEGORIES},
            "category_scores": {name: 0.9 if name == "violence" and "violence" in text else 0.01 for name in CATEGORIES},
            "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
        }
        for text in texts
    ]
    return in_json(model, {"id": f"modr-{request.number}", "model": model, "results": results})


def rerank(request: Request) -> Provided:
    """Scored by the words that a document shares with the query. A model whose name begins with "cohere" is billed by search units."""
    body = request.json
    model, query = demand(body, "model", str), demand(body, "query", str)
    documents = [each if isinstance(each, str) else each["text"] for each in demand(body, "documents", list)]
    words = set(query.lower().split())
    scored = [(len(words & set(text.lower().split())) / len(words), place) for place, text in enumerate(documents)]
    ranked = sorted(scored, key=lambda each: (-each[0], each[1]))[: body.get("top_n") or None]
    results = [
        {"index": place, "relevance_score": score} | ({"document": {"text": documents[place]}} if body.get("return_documents") else {})
        for score, place in ranked
    ]
    if model.startswith("cohere"):
        units = -(-len(documents) // 100)
        meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": units}}
        return in_json(model, {"id": f"rr-{request.number}", "results": results, "meta": meta}, Usage(tool_calls=units))
    tokens = sum(count_tokens((query, text)) for text in documents)
    return in_json(
        model, {"id": f"rr-{request.number}", "model": model, "usage": {"total_tokens": tokens}, "results": results}, Usage(input=tokens)
    )
