"""Log probabilities: Chat has one object for the whole answer, Responses a list for each text."""

from typing import Any

Token = dict[str, Any]


def tokens_of(logprobs: Any) -> list[Token]:
    """Return the tokens of Chat's object, as Responses writes them."""
    content = logprobs.get("content") if type(logprobs) is dict else None
    return [_token(token) for token in content if type(token) is dict] if type(content) is list else []


def _token(token: Token) -> Token:
    top = token.get("top_logprobs")
    return {**_plain(token), "top_logprobs": [_plain(other) for other in top if type(other) is dict] if type(top) is list else []}


def _plain(token: Token) -> Token:
    word = token.get("token")
    spelled = token.get("bytes")
    if type(spelled) is not list:
        spelled = list(word.encode()) if type(word) is str else []
    return {"token": word, "bytes": spelled, "logprob": token.get("logprob")}


def split(tokens: list[Token], texts: list[str]) -> list[list[Token]]:
    """Give each text its tokens; what is left over belongs to the last."""
    shares: list[list[Token]] = []
    place = 0
    for text in texts:
        length = 0
        first = place
        while place < len(tokens) and length < len(text):
            word = tokens[place]["token"]
            length += len(word) if type(word) is str else 0
            place += 1
        shares.append(tokens[first:place])
    if shares:
        shares[-1] += tokens[place:]
    return shares
