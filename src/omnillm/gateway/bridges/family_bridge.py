"""A call of an endpoint family whose provider has another wire format of it. It is parsed once, and emitted for each such target.

It uses `endpoints/transcode.py` as `bridge.py` uses `protocols/transcode.py`, and does less: requests of families have no tools and no
output cap, and the families with streams have only one wire format.
"""

from typing import Any

from msgspec.structs import replace

from omnillm.admission.asks import Lease
from omnillm.endpoints import transcode
from omnillm.endpoints.registry import FORMATS
from omnillm.errors import BadRequest, ProtocolError
from omnillm.gateway.bridges.bridge import Bridged
from omnillm.gateway.call import Call
from omnillm.protocols.loss import LossReason
from omnillm.protocols.members import read_members
from omnillm.routing.target import Plan, Target
from omnillm.usage import Usage


class FamilyBridge:
    """One call, said to several targets. `plan` has those to which it can be said."""

    __slots__ = ("_bridged", "_call", "_request", "pin", "plan")

    def __init__(self, call: Call, plan: Plan) -> None:
        """Raises ProtocolError, or BadRequest, when it can be said to none of the targets."""
        self._call = call
        self._bridged: dict[tuple[str, str], Bridged] = {}
        self.pin = None
        kept: list[Target] = []
        refused: list[ProtocolError | BadRequest] = []
        self._request: Any = None
        for target in plan.targets:
            if target.protocol != call.protocol.name:
                try:
                    self._bridged[target.provider, target.model] = self._emit_for(target)
                except (ProtocolError, BadRequest) as error:
                    refused.append(error.with_traceback(None))  # it would hold this frame, which holds it
                    continue
            kept.append(target)
        if refused and not kept:
            raise refused.pop()
        self.plan = replace(plan, targets=tuple(kept))

    def _emit_for(self, target: Target) -> Bridged:
        if self._request is None:
            self._request = transcode.parse_api_request(self._call.protocol.name, self._call.members, model=self._call.model)
        emitted = transcode.emit_api_request(target.protocol, replace(self._request, model=target.model))
        protocol, members = FORMATS[target.protocol].protocol, read_members(emitted.value)
        return Bridged(
            protocol=protocol,
            body=emitted.value,
            members=members,
            peek=protocol.peek_request(members),
            reasons=emitted.loss_reasons,
            names={},
        )

    @property
    def rewrites_all(self) -> bool:
        """Whether every target is sent another format's words, which we have written: nobody else reads the client's own."""
        return len(self._bridged) == len(self.plan.targets)

    def find(self, target: Target) -> Bridged | None:
        """None: the target is sent the client's own body."""
        return self._bridged.get((target.provider, target.model))

    def find_for(self, lease: Lease) -> Bridged | None:
        return self._bridged.get((lease.provider, lease.model))

    def reply(
        self,
        bridged: Bridged,
        lease: Lease,  # noqa: ARG002 - the signature of `Bridge.reply`
        request_id: str,  # noqa: ARG002
        body: bytes,
        counted: Usage | None,  # noqa: ARG002
    ) -> tuple[bytes, tuple[LossReason, ...]]:
        """A whole reply for the client, and what was lost in it. UpstreamLost: it is garbled."""
        response = transcode.parse_api_response(bridged.protocol.name, body)
        report = transcode.emit_api_response(self._call.protocol.name, response, self._request)
        return report.value, report.loss_reasons
