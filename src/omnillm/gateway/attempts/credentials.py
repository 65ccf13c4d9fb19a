"""Credentials that expire: got before an attempt is sent, and renewed if the provider refuses them."""

from typing import Final

import msgspec

from omnillm.credentials.refreshed import Credential
from omnillm.gateway.attempts.attempt import Attempt
from omnillm.gateway.attempts.no_reply import late
from omnillm.gateway.case import Case
from omnillm.outcome import Verdict
from omnillm.protocols.protocol import Failure

REST_S: Final = 1.0
"""How long a key rests whose credentials cannot be had: they are asked for with a backoff of their own, and say at once that they rest."""


async def authenticate(case: Case, attempt: Attempt, credential: Credential) -> Failure | None:
    """See to it that the attempt can be authenticated. A failure: nothing is sent, for the key's credentials cannot be had in time."""
    now, deadline = case.settlement.now, case.call.deadline
    trouble = await credential.ready(deadline - now())
    if not trouble:
        attempt.credential_version = credential.version
        return None
    if now() >= deadline:
        return late()
    return Failure(verdict=Verdict.KEY_DEAD, status=0, code="credentials_unavailable", message=trouble, retry_after_s=REST_S)


def renewed(attempt: Attempt, credential: Credential | None, failure: Failure) -> Failure:
    """A refusal because of credentials that can be renewed becomes STALE: the attempt is sent again, on the same lease."""
    if failure.verdict is Verdict.KEY_DEAD and credential is not None and credential.renew(attempt.credential_version):
        return msgspec.structs.replace(failure, verdict=Verdict.STALE)
    return failure
