"""Whatever a client can say in the types of its SDK arrives at every other protocol, or is told; what is written is in the target's types."""

import msgspec
import pytest
from tests.protocols.bedrock_converse import oracle
from tests.protocols.sdk_types import decided
from tests.protocols.sdk_types.asked import BETA, BODIES, SOURCES, requests
from tests.protocols.sdk_types.fits import problems
from tests.protocols.sdk_types.judged import LETTERS, Fates, Said, undecided

from omnillm.errors import BadRequest, ProtocolError
from omnillm.protocols.codecs import CODECS
from omnillm.protocols.transcode import transcode_request


@pytest.mark.parametrize("target", LETTERS)
@pytest.mark.parametrize("source", SOURCES)
def test_every_member_of_a_request_arrives_or_is_told(source: str, target: str) -> None:
    """None vanishes without a word, none is a defect, and the target's SDK could have written what comes out."""
    protocol = "anthropic_messages" if source == BETA else source
    lab = type(CODECS[target].dialect)(provider="lab")
    fates, refused, invalid, written = Fates(), [], set(), set()
    for path, body in requests(source):
        try:
            report = transcode_request(protocol, target, msgspec.json.encode(body), model="model-1", dialect=lab)
        except (BadRequest, ProtocolError) as error:
            fates.refuse(path)
            refused += [path] if isinstance(error, BadRequest) else []
            continue
        output = msgspec.json.decode(report.value)
        fates.add(path, Said(body, output, frozenset(report.loss_reasons)))
        if protocol != target and report.value not in written:
            written.add(report.value)
            invalid.update(oracle.problems(output).splitlines() if target == "bedrock_converse" else problems(output, BODIES[target]))
    assert undecided(fates.silent(), target, decided.REQUESTS[source]) == ([], [])
    assert undecided(iter(refused), target, decided.REFUSED[source]) == ([], [])
    if protocol != target:
        assert undecided(iter(sorted(invalid)), target, decided.INVALID[source]) == ([], [])
