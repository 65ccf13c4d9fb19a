"""A call in OpenAI's own words for a model by its public name, at a path that names no provider: it goes to the model's target."""

from collections.abc import Mapping

import msgspec

from omnillm.errors import BadRequest
from omnillm.gateway.bindings import Pin
from omnillm.gateway.call import Call
from omnillm.gateway.native.asks import NativeAsk, at
from omnillm.gateway.native.names import is_ambiguous, model_named
from omnillm.protocols.bound import COMPACTION
from omnillm.protocols.members import emit, read_members
from omnillm.protocols.protocol_names import OPENAI_RESPONSES
from omnillm.providers.endpoint import Endpoint
from omnillm.routing.router import Router
from omnillm.transport.spool import Spool


def routed(call: Call, ask: NativeAsk, pin: Pin | None, router: Router, endpoints: Mapping[str, Endpoint]) -> tuple[Call, NativeAsk]:
    """As they are where the model is none of the public names, and so perhaps one of the provider's own.

    `pin`: where what the call names was made. BadRequest: no target of the model does it in these words.
    """
    if ask.asked.operation.makes != COMPACTION or ask.is_named:
        return call, ask
    body = ask.body.read_at(0, len(ask.body)) if isinstance(ask.body, Spool) else ask.body
    assert isinstance(body, bytes)
    model = model_named(body)
    if not router.knows(model, call.caller.models) or is_ambiguous(body):
        return call, ask
    targets = router.plan(model, protocol=OPENAI_RESPONSES, allowed=call.caller.models).targets
    pinned = [target for target in targets if pin is not None and target.provider == pin.provider]
    for target in pinned or targets:
        found = at(target.provider, endpoints[target.provider], ask)
        if found is not None and target.protocol == OPENAI_RESPONSES:
            body = emit(read_members(body), {"model": msgspec.json.encode(target.model)})
            found = msgspec.structs.replace(found, body=body, model=target.model)
            return msgspec.structs.replace(call, model=model, provider=target.provider), found
    raise BadRequest(f"No provider of the model {model!r} has POST {ask.asked.path}.", code="unsupported_protocol")
