"""How many tokens the prompt in a body has. Of several bodies the largest counts, because any target of the plan may be the one asked."""

from collections.abc import Sequence

from msgspec.structs import replace

from omnillm.gateway.bridges.bridge import Bridged
from omnillm.gateway.call import Call
from omnillm.pricing.estimate import prompt_tokens
from omnillm.protocols.protocol import Members, Protocol, RequestPeek


def weigh(protocol: Protocol, members: Members, prose: int = 0) -> tuple[int, int]:
    """(tokens by estimate, tokens at most) of a body's prompt, and of so many bytes of prose beside it."""
    text, media = protocol.weigh(members)
    return prompt_tokens(text + prose, media.usual, media.most, protocol.name)


def weigh_all(bodies: Sequence[Call | Bridged]) -> tuple[int, int, RequestPeek]:
    """(tokens by estimate, tokens at most, the widest peek) of what the targets are sent, who count in their own ways."""
    estimate = most = 0
    peek = bodies[0].peek
    for body in bodies:
        tokens, bound = weigh(body.protocol, body.members)
        if tokens > estimate:
            estimate = tokens
        if bound > most:
            most = bound
        if body.peek is not peek:
            peek = _wider(peek, body.peek)
    return estimate, most, peek


def _wider(one: RequestPeek, other: RequestPeek) -> RequestPeek:
    """The longer cap, or none if one of them has none, and more choices."""
    is_open = one.output_cap is None or other.output_cap is None
    cap = None if is_open else max(one.output_cap or 0, other.output_cap or 0)
    return replace(one, output_cap=cap, n=max(one.n, other.n))
