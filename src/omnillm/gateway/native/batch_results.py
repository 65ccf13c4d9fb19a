"""The usage in the results of a batch: in a file of results, read while a client downloads it, or in the provider's reply itself."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from omnillm.framing.lines import LineReader
from omnillm.gateway.native.batch_lines import LONGEST_LINE
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.extras import Served
from omnillm.protocols.registry import PROTOCOLS
from omnillm.providers.endpoint import Endpoint
from omnillm.usage import NO_USAGE, Usage

STEP_TOKENS: Final = 1000
"""Prices that rise with a prompt's length do so at whole thousands of tokens; at others the dearer rate would begin a little early."""


class Group(NamedTuple):
    """Which requests of a batch cost by the same rates."""

    model: str
    """As a result names it; "": the batch's own."""
    longest: int
    """Tokens: no prompt of them is longer. A price may depend on how long each prompt is."""
    place: str = ""
    """Where they were computed, if that was told."""
    tier: str | None = None
    """The service tier that a response was written in, as price lists call it; None: that was not told."""


class Together(NamedTuple):
    """What requests of a batch have used together."""

    usage: Usage = NO_USAGE
    requests: int = 0


class Results:
    """What a file of results says of usage, read on the side while it is on its way."""

    __slots__ = ("_endpoint", "_lines", "is_readable", "usages")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._lines = LineReader()
        self.usages: dict[Group, Together] = {}
        """The longest prompts in whole thousands of tokens."""
        self.is_readable = True
        """False: a line is none of a result, so the sum is not the whole."""

    def feed(self, piece: bytes) -> None:
        for line in self._lines.feed(piece):
            self._read_line(line)
        if self._lines.waiting_bytes > LONGEST_LINE:
            self._lines.drop()
            self.is_readable = False

    def finish(self) -> None:
        self._read_line(self._lines.finish())

    def _read_line(self, line: bytes) -> None:
        if line.strip() and self.is_readable:
            try:
                self.add(msgspec.json.decode(line))
            except UNREADABLE:
                self.is_readable = False

    def add(self, result: object) -> None:
        """One result, whatever its provider wraps the reply in. One without a reply cost nothing."""
        for reply in replies_in(result):
            body = msgspec.json.encode(reply)
            peeks = (PROTOCOLS[name].peek_reply(body) for name in self._endpoint.words)
            peek = next((found for found in peeks if found.usage is not None), None)
            if peek is None or peek.usage is None or peek.usage.is_incredible:
                self.is_readable = False
                return
            usage, model = peek.usage, str(reply.get("model") or reply.get("modelVersion") or "")
            longest = -(-usage.prompt_tokens // STEP_TOKENS) * STEP_TOKENS
            group = Group(model, longest, peek.tier.place if isinstance(peek.tier, Served) else "")
            before = self.usages.get(group, Together())
            self.usages[group] = Together(before.usage + usage, before.requests + 1)


def replies_in(result: object) -> Iterator[dict[str, object]]:
    """OpenAI: `response.body` under a 200; Anthropic: `result.message`; Gemini: `response`."""
    told = result if isinstance(result, dict) else {}
    response, outcome = told.get("response"), told.get("result")
    if isinstance(outcome, dict) and isinstance(outcome.get("message"), dict):
        yield outcome["message"]
    elif isinstance(response, dict) and "status_code" in response:
        body = response.get("body")
        if response["status_code"] == 200 and isinstance(body, dict):
            yield body
    elif isinstance(response, dict):
        yield response
