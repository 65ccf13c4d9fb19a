"""Makes the destination of traces from the settings."""

from typing import Final
from urllib.parse import urlsplit

from omnillm.config import configured
from omnillm.config.settings import Settings
from omnillm.traces.exporter import Destination
from omnillm.traces.message import Messages
from omnillm.traces.spans import Place
from omnillm.transport.client import Origin

PATH: Final = "/v1/traces"
"""What OTLP's specification puts behind an address without a path."""
PROVIDER_NAMES: Final = {
    "gemini": "gcp.gemini",
    "vertex_ai": "gcp.vertex_ai",
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""Kinds of provider that OpenTelemetry's conventions call by another name."""
ANY_HOST: Final = ("openai_compatible", "custom")
"""Kinds that do not say who answers: their providers go by their configured names."""


def make_destination(settings: Settings) -> Destination | None:
    """None: traces are not exported. ConfigError: opentelemetry-proto is not installed."""
    traces = settings.traces
    if traces is None:
        return None
    url = urlsplit(traces.endpoint.reveal())
    origin = Origin.of(traces.endpoint.reveal())
    target = f"{url.path.rstrip('/') or PATH}{'?' if url.query else ''}{url.query}"
    fields = {
        "host": origin.authority,
        "user-agent": "omnillm",
        "content-type": "application/x-protobuf",
        "accept-encoding": "identity",
    } | {name.lower(): value.reveal() for name, value in traces.headers.items()}
    head = f"POST {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return Destination(
        origin=origin,
        head=head.encode("ascii"),
        messages=Messages({"service.name": "omnillm"} | traces.attributes),
        places=_places(settings),
        permille=traces.sample_permille,
    )


def _places(settings: Settings) -> dict[str, Place]:
    places = {}
    for name, endpoint in configured.endpoints(settings).items():
        origin, kind = Origin.of(endpoint.origin_url), settings.providers[name].kind
        called = name if kind in ANY_HOST else PROVIDER_NAMES.get(kind, kind)
        places[name] = Place(provider=called, host=origin.host, port=origin.port)
    return places
