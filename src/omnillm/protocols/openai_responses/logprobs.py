"""Log probabilities: Chat has one object for the whole answer, Responses a list for each text."""

from typing import Any

from omnillm.protocols.loss import Losses
from omnillm.protocols.shapes import array, mapping, number, optional_array, text

Token = dict[str, Any]


def read_tokens(tokens: Any) -> list[Token]:
    """Read the tokens of a text, as Chat has them; events of a stream leave out their bytes."""
    read = []
    for place, token in enumerate(array(tokens, "logprobs")):
        where = f"logprobs[{place}]"
        top = optional_array(mapping(token, where), "top_logprobs", where)
        others = [_read_token(mapping(other, f"{where}.top_logprobs"), f"{where}.top_logprobs") for other in top]
        read.append({**_read_token(token, where), "top_logprobs": others})
    return read


def chat_logprobs(tokens: Any) -> dict[str, Any]:
    """Read the tokens of a text as Chat's object."""
    return {"content": read_tokens(tokens), "refusal": None}


def _read_token(token: Token, path: str) -> Token:
    spelled = token.get("bytes")
    is_spelled = type(spelled) is list and all(type(byte) is int for byte in spelled)
    return {
        "token": text(token.get("token"), f"{path}.token"),
        "logprob": number(token.get("logprob"), f"{path}.logprob"),
        "bytes": spelled if is_spelled else None,
    }


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
    for said in texts:
        length = 0
        first = place
        while place < len(tokens) and length < len(said):
            word = tokens[place]["token"]
            length += len(word) if type(word) is str else 0
            place += 1
        shares.append(tokens[first:place])
    if shares:
        shares[-1] += tokens[place:]
    return shares


def note_spelling(logprobs: Any, losses: Losses) -> None:
    """Note that the bytes of tokens, which Responses needs, were made from their texts."""
    content = logprobs.get("content") if type(logprobs) is dict else None
    if type(content) is list and any(type(token) is dict and type(token.get("bytes")) is not list for token in content):
        losses.default("candidates[0].logprobs", "Responses needs the bytes of each token")
