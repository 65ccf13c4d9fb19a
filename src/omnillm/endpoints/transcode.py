"""From one wire format of a family to another, through the family's canonical types, with a report of what was lost."""

import msgspec

from omnillm.endpoints.api import ApiRequest, ApiResponse
from omnillm.endpoints.format import FORM_OPERATIONS, Format, no_json
from omnillm.endpoints.registry import FORMATS
from omnillm.errors import ProtocolError, UpstreamLost
from omnillm.protocols.counts import UNREADABLE
from omnillm.protocols.loss import ConversionReport, Losses
from omnillm.protocols.members import read_members
from omnillm.protocols.protocol import Members


def format_of(name: str) -> Format:
    """ProtocolError: there is no such wire format."""
    found = FORMATS.get(name)
    if found is None:
        raise ProtocolError(f"There is no wire format {name[:64]!r}; those known: {', '.join(FORMATS)}.", reason="unsupported_wire_format")
    return found


def parse_api_request(wire_format: str, request: bytes | Members, *, model: str = "") -> ApiRequest:
    """A request's JSON body as the family's canonical request; `model` where the body names none.

    BadRequest names a member that does not fit; ProtocolError says what no other format has.
    """
    parsed: ApiRequest = format_of(wire_format).parse_request(read_members(request) if isinstance(request, bytes) else request, model=model)
    return parsed


def emit_api_request(wire_format: str, request: ApiRequest) -> ConversionReport[bytes]:
    """A canonical request as the JSON body of a format. ProtocolError: it cannot be said in it, or is a form (`emit_transport_request`)."""
    losses, spoken = Losses(), format_of(wire_format)
    if spoken.operation in FORM_OPERATIONS:
        no_json()
    body = spoken.emit_request(request, losses)
    for name in request.vendor_extensions.keys() - body.keys():
        losses.drop(name, f"{wire_format} has no such member")
    return _report(wire_format, msgspec.json.encode(body), losses)


def parse_api_response(wire_format: str, body: bytes) -> ApiResponse:
    """A reply's body as the family's canonical response. UpstreamLost: it is none of this format."""
    try:
        parsed: ApiResponse = format_of(wire_format).parse_response(body)
    except (*UNREADABLE, ValueError) as error:
        raise UpstreamLost("The provider's reply is not one of its format.", code="garbled_reply") from error
    return parsed


def emit_api_response(wire_format: str, response: ApiResponse, request: ApiRequest) -> ConversionReport[bytes]:
    """A canonical response as the body of a reply in a format; `request` is what it answers."""
    losses = Losses()
    body = format_of(wire_format).emit_response(response, request, losses)
    return _report(wire_format, msgspec.json.encode(body), losses)


def transcode_api_request(source: str, target: str, body: bytes, *, model: str = "") -> ConversionReport[bytes]:
    """ProtocolError `endpoint_mismatch`: the formats are of two families."""
    _check_family(source, target)
    if source == target:
        return _report(target, body)
    return emit_api_request(target, parse_api_request(source, body, model=model))


def transcode_api_response(source: str, target: str, body: bytes, *, request: ApiRequest) -> ConversionReport[bytes]:
    """`source`: the format that the reply is in; `request`: the canonical request that it answers."""
    _check_family(source, target)
    if source == target:
        return _report(target, body)
    return emit_api_response(target, parse_api_response(source, body), request)


def _report(wire_format: str, body: bytes, losses: Losses | None = None) -> ConversionReport[bytes]:
    """`losses`: of a body that is written anew; None: it is the one that came."""
    return ConversionReport(
        value=body,
        wire_format=wire_format,
        canonical_endpoint=format_of(wire_format).operation,
        bridged=losses is not None,
        loss_reasons=losses.reasons if losses else (),
    )


def _check_family(source: str, target: str) -> None:
    one, other = format_of(source).operation, format_of(target).operation
    if one != other:
        raise ProtocolError(f"{source} is of {one}, {target} of {other}.", reason="endpoint_mismatch")
