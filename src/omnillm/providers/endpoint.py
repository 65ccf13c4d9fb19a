"""The profile of an upstream account: protocols, base URL, authentication, headers. `url_rule.py` makes the URLs of its operations."""

import re
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from omnillm.errors import BadRequest
from omnillm.framing.sse import FrameReader, SseReader
from omnillm.outcome import Verdict
from omnillm.protocols.protocol_names import OPENAI_CHAT, OPENAI_RESPONSES
from omnillm.protocols.token_counts import COUNTS
from omnillm.providers.anthropic_body import AnthropicBody
from omnillm.providers.auth_scheme import AuthScheme, Bearer
from omnillm.providers.families import FAMILIES, families_of, format_for, formats_of
from omnillm.providers.paths import PATHS
from omnillm.secret import Secret
from omnillm.usage import Usage

OPENAIS = frozenset({OPENAI_CHAT, OPENAI_RESPONSES})
SIGNING = "aws"
"""Credentials that sign a request with its body."""


class Streaming(msgspec.Struct, frozen=True):
    """How a stream arrives."""

    content_type: bytes
    reader: Callable[[], FrameReader]


SSE = Streaming(b"text/event-stream", SseReader)


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's own form of counting tokens, to which clients' counts are translated."""

    protocol: str
    """The protocol to translate a client's request to, where the provider does not speak the client's."""
    name: Callable[[str], str]
    """What it calls a model."""
    ask: Callable[[str, bytes], bytes]
    """(protocol, body of a generation) -> the question."""
    read: Callable[[bytes], int | None]
    """The number in a reply; None: it has none."""


class OwnPath(msgspec.Struct, frozen=True, kw_only=True):
    """What an inference path asks for, as a provider's own clients write it."""

    protocol: str
    operation: str
    model: str = ""
    """"": it stands in the body."""
    is_stream: bool = False
    version: str = ""
    """Of a cloud's API, where its clients choose one; "": that of the base URL."""
    location: str = ""
    """Where a cloud's client wants it computed, where its path says so."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider is spoken to; the kinds' own profiles are values of this type, overridden by the configuration."""

    kind: str
    protocols: tuple[str, ...]
    """Those that it speaks, the default first."""
    in_responses: re.Pattern[str] | None = None
    """Models for which the default is Responses: their hosts refuse them in Chat, or tools beside reasoning there."""
    pinnable: tuple[str, ...] = ()
    """Those that `protocol:` may pin; empty: `protocols`."""
    base_url: Secret
    """A Secret because people put credentials into its query; `origin_url` is what may be shown."""
    version: str
    """The version segment that a base URL without a path gets."""
    is_compat: bool = False
    auth: AuthScheme = Bearer()
    headers: tuple[tuple[str, Secret], ...] = ()
    """Configured header fields, names lower-cased; they win over the client's."""
    fallback_headers: tuple[tuple[str, str], ...] = ()
    """Sent when neither the client nor the configuration names them."""
    chat_cap_member: str = ""
    """The output cap's name in chat, where the host's differs from OpenAI's; "": the protocol's."""
    has_one_cap: bool = False
    """True: it refuses or ignores the output cap's other name, so a client's cap is renamed, because it must bind."""
    asks_usage: bool = False
    """True: a chat stream reports usage only when `stream_options.include_usage` asks for it, so we inject it."""
    refused: tuple[str, ...] = ()
    """Members of a chat body that it refuses, and without which its reply is the same: they are not sent."""
    system_role: str = "system"
    """The role of instructions in chat, where a body is translated for it."""
    content: str = "parts"
    """parts, or string: where a body is translated for it, a message's content is one string."""
    is_narrow: bool = False
    """It refuses members of a Responses body that it does not know: they are not written for it."""
    paths: Mapping[tuple[str, str], str] = {}
    """Paths that differ from `PATHS`; "": it has no such operation."""
    has_sessions: bool = False
    """It holds live sessions over WebSocket."""
    session_parameter: str = "model"
    """The parameter that names the model of an OpenAI session."""
    is_keyless: bool = False
    """It may be asked without a key."""

    # Of clouds that serve other people's models at paths of their own.
    cloud_paths: Mapping[tuple[str, str, bool], str] = {}
    """(protocol, operation, is a stream) -> path below the base URL's; empty: `PATHS`."""
    serves: Mapping[str, re.Pattern[str]] = {}
    """Protocol -> the models that can be asked in it; all, for a protocol that is not in it."""
    streams: Mapping[str, Streaming] = {}
    """Protocol -> how its streams arrive; server-sent events, for a protocol that is not in it."""
    bodies: Mapping[str, AnthropicBody] = {}
    """Protocol -> how a body is changed; not at all, for a protocol that is not in it."""
    counter: Counter | None = None
    """None: tokens are counted in a protocol that it speaks, or not at all."""
    error_protocol: Callable[[str, bytes], str] | None = None
    """(protocol, body of an error) -> the protocol whose words the error is in; None: the same."""
    verdicts: Mapping[str, Verdict] = {}
    """What the code of an error, in lower case, means here and not elsewhere."""
    unsent: tuple[str, ...] = ()
    """Header fields of the client that are not sent, because they mean something else here."""
    passed: tuple[str, ...] = ()
    """Header fields of the client that are sent only here."""
    dearer_fields: Mapping[str, frozenset[str]] = {}
    """Header fields, of a client's or configured, that change the price, each with the values that do not."""
    apart_fields: tuple[str, ...] = ()
    """Header fields of the client that ask for what is paid apart, and of which the ledger does not know the price."""
    own_protocols: tuple[str, ...] = ()
    """Protocols that clients can speak at `own_path`, whatever `protocol:` pins. Calls are translated only to those in `protocols`."""
    own_path: "Callable[[Endpoint, str], OwnPath | None] | None" = None
    """Reads paths of its own clients that are not in `PATHS`."""
    read_usage: Callable[[Mapping[bytes, bytes]], Usage | None] | None = None
    """Reads usage in the header fields of a native reply."""
    checks: "Mapping[str, Callable[[Endpoint, bytes], None]]" = {}
    """Protocol -> a check of bodies. BadRequest: it names what the caller must not reach with the provider's credentials."""
    credentials: Literal["", "aws", "google"] = ""
    """The cloud whose credentials a key may name instead of being a secret itself."""
    region: str = ""
    location: str = ""
    """The location that a base URL of Google's names."""

    @property
    def origin_url(self) -> str:
        """Scheme, host and port."""
        url = urlsplit(self.base_url.reveal())
        return f"{url.scheme}://{url.netloc}"

    @property
    def words(self) -> tuple[str, ...]:
        """The protocols in whose words its own objects may be told: an OpenAI's, in both of OpenAI's, whichever is pinned."""
        if OPENAIS.isdisjoint(self.protocols):
            return self.protocols
        return (*self.protocols, *sorted(OPENAIS.difference(self.protocols)))

    @property
    def has_openai_batches(self) -> bool:
        """Whether a batch is a file, whose lines are requests in OpenAI's words."""
        return not OPENAIS.isdisjoint(self.protocols)

    def protocols_for(self, model: str) -> tuple[str, ...]:
        """Return those in which a model can be asked, the default first."""
        serves = self.serves
        return tuple(name for name in self.protocols if name not in serves or serves[name].search(model)) if serves else self.protocols

    def default_for(self, model: str) -> str:
        """The protocol in which a model is asked for a client who speaks none of the provider's."""
        protocols = self.protocols_for(model)
        is_answered = self.in_responses is not None and OPENAI_RESPONSES in protocols and self.in_responses.search(model)
        return OPENAI_RESPONSES if is_answered else protocols[0]

    def speaks(self, protocol: str, operation: str = "generate", *, model: str = "") -> bool:
        if operation in FAMILIES:
            return self.format_for(protocol, operation, model=model) == protocol
        if protocol not in self.protocols_for(model) and protocol not in self.own_protocols:
            return False
        if self.is_compat:
            return operation == "generate" or (operation == "count_tokens" and "{method}" in self.base_url.reveal())
        return self.has_path(protocol, operation) and self.offers(operation)

    def counts_in(self, client_protocol: str, *, model: str) -> str:
        """The protocol in which it is asked to count tokens for a client; "": it does not count."""
        if self.speaks(client_protocol, "count_tokens", model=model):
            return client_protocol
        if client_protocol not in COUNTS:
            return ""
        if self.counter is not None:
            return self.counter.protocol
        return next((name for name in self.protocols_for(model) if self.speaks(name, "count_tokens", model=model)), "")

    def has_path(self, protocol: str, operation: str) -> bool:
        """Whether there is an address for the operation, of any model."""
        return bool(self.path_of(protocol, operation))

    def path_of(self, protocol: str, operation: str) -> str:
        """The path of an operation with a plain reply, or of a session; "": there is none."""
        if self.cloud_paths:
            return self.cloud_paths.get((protocol, operation, False), "")
        return self.paths.get((protocol, operation), PATHS.get((protocol, operation), ""))

    def offers(self, operation: str) -> bool:
        return operation != "realtime" or self.has_sessions

    def format_for(self, client_format: str, family: str, *, model: str) -> str:
        """The wire format in which a model is asked for an endpoint family; "": it does not have that."""
        formats, serves = formats_of(self.kind, is_compat=self.is_compat), self.serves
        own = tuple(name for name in formats if name not in serves or serves[name].search(model)) if serves else formats
        return format_for(own, client_format, family)

    @property
    def operations(self) -> tuple[str, ...]:
        """The operations that it has, as people call them."""
        return ("generate", *families_of(self.kind, is_compat=self.is_compat))

    def check_request(self, headers: Mapping[bytes, bytes], location: str = "") -> None:
        """BadRequest: a field asks for something at another price than the ledger would use, or the path for another location."""
        if location and self.location not in {"", location}:
            raise BadRequest(
                f"This provider computes in {self.location}, and the path asks for {location}: set the client's location (region) to "
                f"{self.location}. Which project it names does not matter: the provider's own is asked.",
                code="wrong_location",
            )
        for name in self.dearer_fields:
            value = headers.get(name.encode())
            if value is not None and (why := self.changes_price(name, value.decode("latin-1"))):
                raise BadRequest(f"The header {name} {why}.", code="unsupported_header")

    def changes_price(self, name: str, value: str) -> str:
        """Tell why a field may not be sent, in words that follow its name; "": it may."""
        harmless = self.dearer_fields.get(name)
        if harmless is None or value.lower() in harmless:
            return ""
        taken = f", and only {' or '.join(sorted(harmless))} is taken" if harmless else ""
        return f"changes the price{taken}: prices are found by bodies. Leave it out, or ask for it in a body that has a member for it"
