"""The span of the calling program: calls made within it belong to its trace."""

import sys

from omnillm.trace_context import TraceFields


def current_span() -> TraceFields | None:
    """None: the program is in none, or does not use OpenTelemetry's API, which is asked only if it is loaded already."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    context = api.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return TraceFields(parent.encode(), context.trace_state.to_header().encode())
