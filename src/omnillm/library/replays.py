"""What a repetition of a call gets: the reply of the first call with its idempotency key."""

from omnillm.errors import OmniError
from omnillm.gateway.idempotency import Replay
from omnillm.library.generation import decode_response
from omnillm.library.primitive import PrimitiveReply
from omnillm.library.response import GatewayResponse
from omnillm.usage import NO_USAGE


def replay_error(replay: Replay) -> OmniError:
    """The error of a call that failed after something may have been billed."""
    error = OmniError(f"The call with this idempotency key failed: {replay.outcome}.", code=replay.outcome, status=replay.status)
    error.request_id = replay.request_id
    return error


def replay_response(replay: Replay) -> GatewayResponse:
    response = decode_response(replay.body)
    fields = {name: getattr(response, name) for name in response.__struct_fields__}
    fields["usage"] = response.usage or NO_USAGE
    return GatewayResponse(**fields, request_id=replay.request_id, is_replay=True)


def replay_reply(replay: Replay) -> PrimitiveReply:
    return PrimitiveReply(
        status=replay.status,
        body=replay.body,
        usage=NO_USAGE,
        cost_nanousd=0,
        request_id=replay.request_id,
        provider="",
        model="",
        key="",
        attempts=0,
        is_replay=True,
    )
