"""Tokens that expire are renewed before they do, and a failure leaves the present one in force."""

import pytest

from omnillm.credentials.renewal import RETRY_S, Renewal, Token
from omnillm.errors import OmniError, Unavailable
from omnillm.providers.endpoint import Entra
from omnillm.providers.heads import Sender
from omnillm.providers.kinds import endpoint
from omnillm.secret import Secret
from omnillm.testing import ManualClock

AZURE = endpoint("azure_openai", base_url=Secret("https://h"), auth=Entra())


class Source:
    """Numbers its tokens, each good for an hour; fails where it is told to."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.fetched = 0
        self.error: OmniError | None = None

    def __call__(self) -> Token:
        self.fetched += 1
        if self.error is not None:
            raise self.error
        return Token(secret=Secret(f"token-{self.fetched}"), expires_wall=self.clock.wall() + 3600)


def written(sender: Sender) -> str:
    head = sender.head({}, protocol="openai_chat", operation="generate", model="m", is_stream=False).decode()
    return head.partition("authorization: Bearer ")[2].partition("\r\n")[0]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_a_token_is_renewed_five_minutes_early(clock: ManualClock) -> None:
    """Nothing is fetched before that; then the next request bears the new one."""
    source, sender = Source(clock), Sender(AZURE, Secret(""))
    renewal = Renewal(source, clock, name="azure")
    renewal.write_with([sender])
    for passed_s, token in ((0, "token-1"), (3299, "token-1"), (2, "token-2")):
        clock.advance(passed_s)
        renewal.tick()
        await renewal.renewed()
        assert written(sender) == token
    await renewal.aclose()


async def test_a_failure_leaves_the_token_and_is_tried_again(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    """The log names the provider."""
    source, sender = Source(clock), Sender(AZURE, Secret(""))
    renewal = Renewal(source, clock, name="azure")
    renewal.write_with([sender])
    renewal.tick()
    await renewal.renewed()
    clock.advance(3400)
    source.error = Unavailable("Microsoft Entra ID gave none (ClientAuthenticationError)")
    for _ in range(2):
        renewal.tick()
        await renewal.renewed()
    assert (source.fetched, written(sender)) == (2, "token-1")
    assert "no token for provider azure" in caplog.text
    source.error = None
    clock.advance(RETRY_S)
    renewal.tick()
    await renewal.renewed()
    assert written(sender) == "token-3"


async def test_a_new_writer_has_the_token_at_once(clock: ManualClock) -> None:
    """A reload makes new senders, and a call may come before the next tick."""
    renewal = Renewal(Source(clock), clock, name="azure")
    renewal.tick()
    await renewal.renewed()
    sender = Sender(AZURE, Secret(""))
    renewal.write_with([sender])
    assert written(sender) == "token-1"
