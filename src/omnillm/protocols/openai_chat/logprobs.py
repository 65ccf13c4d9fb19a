"""Log probabilities: Chat's own object, which the canonical model keeps as it is."""

from typing import Any

from omnillm.protocols.shapes import array, integer, mapping, number, optional_array, text

_MEMBERS = ("content", "refusal")


def read_logprobs(value: Any, path: str) -> dict[str, Any] | None:
    """Check it, and complete what some hosts leave out."""
    if value is None:
        return None
    read = dict(mapping(value, path))
    for name in _MEMBERS:
        if read.get(name) is not None:
            read[name] = [_read_token(token, f"{path}.{name}[{n}]") for n, token in enumerate(array(read[name], f"{path}.{name}"))]
    return read


def _read_token(value: Any, path: str) -> dict[str, Any]:
    token = mapping(value, path)
    text(token.get("token"), f"{path}.token")
    number(token.get("logprob"), f"{path}.logprob")
    for n, byte in enumerate(optional_array(token, "bytes", path)):
        integer(byte, f"{path}.bytes[{n}]")
    others = [_read_token(other, f"{path}.top_logprobs[{n}]") for n, other in enumerate(optional_array(token, "top_logprobs", path))]
    return {**token, "top_logprobs": others}
