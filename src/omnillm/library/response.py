"""`GatewayResponse`: an answer in no provider's words, and what is known of the call. `Priced`: whatever tells what it cost."""

from omnillm.model.response import LlmResponse
from omnillm.money import format_usd
from omnillm.protocols.loss import LossReason
from omnillm.usage import NO_USAGE, Usage


class Priced:
    """An integer of nano-USD, and the same as text."""

    __slots__ = ()
    cost_nanousd: int

    @property
    def cost_usd(self) -> str:
        """Exact decimal USD."""
        return format_usd(self.cost_nanousd)


class GatewayResponse(LlmResponse, Priced, frozen=True, kw_only=True, omit_defaults=True):
    """A reply, and what the gateway knows of it."""

    usage: Usage = NO_USAGE
    """What was charged for; all 0 where the provider reported none, or an impossible one, and the cost is the bound."""
    cost_nanousd: int = 0
    request_id: str = ""
    provider: str = ""
    key: str = ""
    """Label of the provider key that answered."""
    attempts: int = 0
    loss_reasons: tuple[LossReason, ...] = ()
    """What could not be said in the provider's protocol, or in the canonical model; empty: nothing was lost."""
    is_replay: bool = False
    """The reply of an earlier call with the same idempotency key, whose `request_id` this is. It cost nothing this time."""
