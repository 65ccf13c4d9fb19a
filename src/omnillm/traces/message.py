"""Spans as OTLP says them, by the classes that OpenTelemetry generates of its own definitions."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from omnillm.errors import ConfigError
from omnillm.traces.spans import ERROR, Span, Value

SCOPE: Final = "omnillm"
_FIELD_OF: Final = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}


class Messages:
    """Writes export requests for one resource, and reads what is answered. ConfigError: opentelemetry-proto is missing."""

    def __init__(self, resource: Mapping[str, str]) -> None:
        try:
            from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
        except ImportError as error:
            raise ConfigError("needs opentelemetry-proto: pip install 'omnillm[otel]'", path="traces") from error
        self._request: Any = trace_service_pb2.ExportTraceServiceRequest
        self._response: Any = trace_service_pb2.ExportTraceServiceResponse
        self._resource = {"attributes": _attributes(resource)}
        self._scope = {"name": SCOPE}

    def request(self, spans: Iterable[Span]) -> bytes:
        """An export request. Several of them are one when they stand behind each other: so protobuf merges repeated fields."""
        told = [_message(span) for span in spans]
        scope_spans = [{"scope": self._scope, "spans": told}]
        written: bytes = self._request(resource_spans=[{"resource": self._resource, "scope_spans": scope_spans}]).SerializeToString()
        return written

    def rejected(self, body: bytes) -> int:
        """How many spans the answer to a request says were not taken. ValueError: it cannot be read."""
        from google.protobuf.message import DecodeError

        try:
            count: int = self._response.FromString(body).partial_success.rejected_spans
        except DecodeError as error:
            raise ValueError("no ExportTraceServiceResponse") from error
        return count


def _message(span: Span) -> dict[str, Any]:
    told: dict[str, Any] = {**span, "attributes": _attributes(span["attributes"])}
    if told.pop("has_failed"):
        told["status"] = {"code": ERROR}
    return told


def _attributes(told: Mapping[str, Value]) -> list[dict[str, Any]]:
    """Without those that say nothing."""
    return [{"key": name, "value": {_FIELD_OF[type(value)]: value}} for name, value in told.items() if value != ""]
