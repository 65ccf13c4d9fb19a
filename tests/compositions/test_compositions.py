"""Features together. Each seed is a whole situation: a configuration, a provider with its faults, callers that leave, reloads and restarts."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import trustme
from tests.compositions.apart import Apart
from tests.compositions.database import InDatabase
from tests.compositions.features import CALLED, CONFIGURED, Met, situations
from tests.compositions.proof import prove, prove_told
from tests.compositions.situation import Situation, renewed, situation
from tests.postgres import Postgres
from tests.soak import FACTOR, rounds, some

INSIDE, APART = rounds(6), rounds(1)
"""Situations whose gateway runs beside the test, and in a process of its own."""
DESIGNS = list(islice(situations(), max(INSIDE, 60)))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of both sides; and the authority that signs for it. Beside it lies another one of the front's."""
    path, authority = tmp_path_factory.mktemp("tls") / "both.pem", trustme.CA()
    for each, kind in ((path, trustme.KeyType.ECDSA), (renewed(path), trustme.KeyType.RSA)):
        issued = authority.issue_cert("127.0.0.1", key_type=kind)
        parts = (issued.private_key_pem, *issued.cert_chain_pems, authority.cert_pem)
        each.write_bytes(b"".join(part.bytes() for part in parts))
    return path


@pytest.fixture(scope="module")
def met() -> Iterator[Met]:
    """Tells in the end which pairs of features have met in this process."""
    met = Met()
    yield met
    missing = met.missing({**CONFIGURED, **CALLED})
    print(f"{len(met.pairs)} pairs of features have met, {len(missing)} have not")
    if FACTOR > 1:
        print(*(sorted(f"{name}: {value}" for name, value in pair) for pair in missing), sep="\n")


async def play(it: Situation, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, and the proof."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    try:
        async with situation(it, certificate):
            await it.play(acts=some(2, most=2))
            await prove(it)
        prove_told(it)
    except BaseException as error:
        error.add_note(f"seed {it.seed}: {it.first}; {it.happened}")
        raise


@pytest.mark.parametrize("seed", range(INSIDE))
async def test_whatever_meets_the_books_are_right(
    seed: int, met: Met, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call has its row, its line and its cost, nothing is held or told that must not be, no limit is passed, no client sees a defect."""
    met.note(DESIGNS[seed])
    await play(Situation(seed, DESIGNS[seed], tmp_path, met), certificate, monkeypatch)


@pytest.mark.parametrize("seed", range(APART))
async def test_whatever_meets_a_process_may_be_stopped_or_killed(
    seed: int, met: Met, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same with signals: what was told and billed is in the ledger that the next one reads."""
    chosen = {**DESIGNS[seed], "store": "sqlite"}
    await play(Apart(seed, chosen, tmp_path, met), certificate, monkeypatch)


@pytest.mark.parametrize("seed", range(APART))
async def test_whatever_meets_the_ledger_may_be_a_database(
    seed: int, met: Met, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch, postgres: Postgres
) -> None:
    """The same in PostgreSQL: what is lost as it commits is neither lost nor booked twice."""
    chosen = {**DESIGNS[seed], "store": "sqlite"}
    await play(InDatabase(seed, chosen, tmp_path, met, postgres=postgres), certificate, monkeypatch)


def test_sixty_situations_have_every_pair_of_the_configurations_features() -> None:
    """They are chosen for it, so that a soak need not be long."""
    met = Met()
    for each in DESIGNS[:60]:
        met.note(each)
    assert met.missing(CONFIGURED) == []
