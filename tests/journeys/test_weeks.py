"""What a gateway meets only when it runs for weeks: certificates are renewed, its machine sleeps, keys come and go by the thousand."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from tests.journeys.running import Running, Serve, configuration, until
from tests.journeys.wire import Line, ask, exchange
from trustme import KeyType

from omnillm.admission.tickets import MOST_RETIRED
from omnillm.config.settings import BudgetSettings, VirtualKeyTerms
from omnillm.errors import ConfigError
from omnillm.testing import FakeProvider, ManualClock

HOUR_S = 3600


def write_certificate(path: Path, authority: trustme.CA, *, key_type: KeyType = KeyType.ECDSA) -> None:
    certificate = authority.issue_cert("localhost", key_type=key_type)
    certificate.cert_chain_pems[0].write_to_path(path / "cert.pem")
    certificate.private_key_pem.write_to_path(path / "key.pem")


async def shown(gateway: Running, authority: trustme.CA) -> int:
    """The serial number of the certificate that a new client is shown, and trusts."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port, ssl=context, server_hostname="localhost")
    told = int(writer.get_extra_info("peercert")["serialNumber"], 16)
    writer.close()
    return told


async def test_a_renewed_certificate_is_shown_without_a_restart(serve: Serve, provider: FakeProvider, tmp_path: Path) -> None:
    """From the reload on, to new clients; half of a pair changes nothing, and who is connected stays."""
    authority = trustme.CA()
    write_certificate(tmp_path, authority)
    tls = f"tls: {{cert: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}"
    gateway = await serve(configuration(provider).replace("drain: 2s", f"drain: 2s, {tls}"))
    first = await shown(gateway, authority)
    before = (tmp_path / "key.pem").read_bytes()
    write_certificate(tmp_path, authority)
    after = (tmp_path / "key.pem").read_bytes()
    (tmp_path / "key.pem").write_bytes(before)
    with pytest.raises(ConfigError, match="the key is not the certificate's"):
        await gateway.service.reload()
    assert await shown(gateway, authority) == first
    (tmp_path / "key.pem").write_bytes(after)
    await gateway.service.reload()
    assert await shown(gateway, authority) != first


@pytest.mark.parametrize("key_types", [(KeyType.ECDSA, KeyType.RSA), (KeyType.RSA, KeyType.ECDSA)], ids=["to RSA", "to ECDSA"])
async def test_a_certificate_with_a_key_of_another_kind_takes_the_place_of_the_one_before(
    serve: Serve, provider: FakeProvider, tmp_path: Path, key_types: tuple[KeyType, KeyType]
) -> None:
    """Whichever of the two a client would rather see: OpenSSL keeps one of each kind, and the old one will expire."""
    authority = trustme.CA()
    write_certificate(tmp_path, authority, key_type=key_types[0])
    tls = f"tls: {{cert: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}"
    gateway = await serve(configuration(provider).replace("drain: 2s", f"drain: 2s, {tls}"))
    seen = [await shown(gateway, authority)]
    for key_type in key_types:
        write_certificate(tmp_path, authority, key_type=key_type)
        await gateway.service.reload()
        seen.append(await shown(gateway, authority))
    assert len(set(seen)) == 3


async def test_a_machine_that_slept_wakes_to_new_connections(serve: Serve, provider: FakeProvider) -> None:
    """What was under way is told that its time is over, nothing that was kept is used, and the next call is served at once."""
    clock = ManualClock()
    gateway = await serve(configuration(provider), clock=clock)
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 200
    stream = await Line.open(gateway.port, ask("openai_chat", "Hello [[fault:stall_mid_body]]", is_stream=True))
    assert await stream.head() == 200
    waiting = await Line.open(gateway.port, ask("openai_chat", "Hello [[fault:stall_before_head]]", is_stream=True))
    await provider.arrived(3)
    clock.advance(6 * HOUR_S)
    assert (await waiting.rest()).status == 504
    assert (await stream.rest()).error["code"] == "upstream_timeout"
    for line in (waiting, stream):
        await line.close()
    accepted = provider.accepted
    assert (await exchange(gateway.port, ask("openai_chat", "Hello"))).status == 200
    assert provider.accepted == accepted + 1
    await until(lambda: not gateway.in_flight)


async def test_virtual_keys_that_come_and_go_leave_nothing_behind(serve: Serve, provider: FakeProvider) -> None:
    """But the last ones, which calls that wait may name; who made them is asked for no second one of the same name."""
    program = (await serve(configuration(provider))).program

    def known() -> list[int]:
        calendar, alerts, tickets = program.calendar, program.alerts, program.controller._tickets
        kept = (calendar._scheduled, calendar._kinds, calendar._current, calendar._closed, alerts._thresholds, alerts._told, alerts.reached)
        return [len(each) for each in (*kept, program.enrolment.keys, tickets.budgets, tickets._allowances)]

    program.alerts.update(program.controller.budgets())
    before = known()
    for number in range(MOST_RETIRED + 50):
        period = ("day", "rolling 24h", "total")[number % 3]
        key = VirtualKeyTerms(name=f"k{number}", budget=BudgetSettings(limit_nanousd=1, period=period))
        program.enrolment.enrol(key)
        if not number % 100:
            program.alerts.update(program.controller.budgets())
        program.enrolment.retire(key.name)
    *others, budgets, callers = known()
    assert others == before[:-2]
    assert (budgets, callers) == (before[-2] + MOST_RETIRED, before[-1] + MOST_RETIRED)
