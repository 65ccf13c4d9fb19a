"""Who is calling, wherever its SDK puts the secret."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.in_turn import in_turn

from omnillm.errors import Forbidden, Unauthenticated
from omnillm.gateway.call import Caller
from omnillm.server.authenticate import AdminAuthenticator, Authenticator, digest, presented_secret

PEPPER = b"pepper" * 8
NOBODY = Caller()


def authenticator(anonymous: Caller | None = None) -> Authenticator:
    callers = {
        digest(PEPPER, b"sk-team-a"): Caller(name="a"),
        digest(PEPPER, b"sk-team-b"): Caller(name="b", expires_wall=100.0),
    }
    return Authenticator(callers, pepper=PEPPER, anonymous=anonymous)


@in_turn(
    ("headers", "query", "secret"),
    [
        ({b"authorization": b"Bearer one"}, "", b"one"),
        ({b"authorization": b"bearer  one "}, "", b"one"),
        ({b"authorization": b"BEARER one"}, "", b"one"),
        ({b"authorization": b"Bearer one", b"x-api-key": b"two"}, "key=three", b"one"),
        ({b"authorization": b"Basic one", b"x-api-key": b"two"}, "", b"two"),
        ({b"authorization": b"one"}, "", b""),
        ({b"authorization": b"Bearer"}, "", b""),
        ({b"authorization": b"Bearer "}, "", b""),
        ({b"x-goog-api-key": b"one"}, "", b"one"),
        ({b"api-key": b"one"}, "", b"one"),
        ({}, "key=one", b"one"),
        ({}, "alt=sse&key=one%2Btwo", b"one+two"),
        ({}, "key=one&key=two", b"one"),
        ({}, "monkey=one", b""),
        ({}, "key=", b""),
        ({}, "", b""),
    ],
)
def test_a_secret_is_found_where_each_sdk_puts_it(headers: dict[bytes, bytes], query: str, secret: bytes) -> None:
    """The first place that holds one wins; a scheme that is not Bearer holds none."""
    assert presented_secret(headers, query) == secret


def test_a_secret_among_more_parameters_than_anybody_sends_is_none() -> None:
    """Anybody may ask, and ten thousand of them cost as much as a hundred calls."""
    assert presented_secret({}, "a=b&" * 99 + "key=secret") == b"secret"
    assert presented_secret({}, "a=b&" * 100 + "key=secret") == b""


def test_a_caller_is_known_by_the_whole_of_its_secret() -> None:
    """Neither a beginning, nor an end, nor another case of it, nor its digest will do."""
    known = authenticator()
    assert known.authenticate({b"x-api-key": b"sk-team-a"}, "", 0.0).name == "a"
    for wrong in (b"sk-team-", b"k-team-a", b"SK-TEAM-A", b"sk-team-a ", b"sk-team-aa", digest(PEPPER, b"sk-team-a"), b"\x00", b"'; --"):
        with pytest.raises(Unauthenticated) as refused:
            known.authenticate({b"x-api-key": wrong}, "", 0.0)
        assert wrong.decode("latin-1") not in refused.value.message or len(wrong) < 3


def test_an_unknown_secret_and_none_are_401() -> None:
    """They are told apart only by what the caller knows already: whether it sent one."""
    with pytest.raises(Unauthenticated, match="No API key was sent"):
        authenticator().authenticate({}, "", 0.0)
    with pytest.raises(Unauthenticated, match="not a virtual key"):
        authenticator().authenticate({b"api-key": b"x"}, "", 0.0)


def test_a_key_ends_at_its_moment() -> None:
    """Until then it is good, from then on expired: a 401 that says so."""
    known = authenticator()
    caller, credential = known.authenticate({b"x-api-key": b"sk-team-b"}, "", 99.999), digest(PEPPER, b"sk-team-b")
    assert caller.name == "b"
    assert [known.is_current(caller, credential, wall) for wall in (99.999, 100.0)] == [True, False]
    with pytest.raises(Unauthenticated) as refused:
        known.authenticate({b"x-api-key": b"sk-team-b"}, "", 100.0)
    assert refused.value.code == "expired_api_key"


def test_without_auth_a_virtual_key_still_says_who_calls() -> None:
    """Anybody else is nobody; a key that has expired is refused all the same."""
    known = authenticator(anonymous=NOBODY)
    assert known.authenticate({}, "", 0.0) is NOBODY
    assert known.authenticate({b"x-api-key": b"anything"}, "", 0.0) is NOBODY
    assert known.authenticate({b"x-api-key": b"sk-team-a"}, "", 0.0).name == "a"
    with pytest.raises(Unauthenticated):
        known.authenticate({b"x-api-key": b"sk-team-b"}, "", 101.0)


@given(st.binary(min_size=1, max_size=40), st.binary(min_size=1, max_size=40))
def test_two_secrets_never_share_a_caller(one: bytes, other: bytes) -> None:
    """What is looked up is a digest of all of it, and of the pepper."""
    assume(one != other)
    assert digest(PEPPER, one) != digest(PEPPER, other)
    assert digest(one, b"x") != digest(other, b"x")


def test_nothing_of_an_authenticator_shows_a_secret() -> None:
    """It holds digests only."""
    held = repr(vars(authenticator()))
    assert "sk-team-a" not in held


def test_the_administrator_is_told_from_everybody_else() -> None:
    """No key: 401; another: 403."""
    admin = AdminAuthenticator(b"the-admin-key")
    admin.require({b"authorization": b"Bearer the-admin-key"})
    with pytest.raises(Unauthenticated):
        admin.require({})
    for wrong in (b"Bearer the-admin-ke", b"Bearer the-admin-keyy", b"Bearer THE-ADMIN-KEY", b"Bearer \xff"):
        with pytest.raises(Forbidden):
            admin.require({b"authorization": wrong})


@in_turn("host", ["localhost", "localhost:4000", "LOCALHOST:4000", "127.0.0.1:4000", "127.0.0.1", "[::1]:4000", "[::1]"])
def test_without_an_admin_key_this_machine_is_the_administrator(host: str) -> None:
    """Programs say no origin; a page of the gateway's own says the gateway's."""
    admin = AdminAuthenticator(None)
    for headers in ({}, {b"origin": f"http://{host}".encode()}, {b"origin": f"https://{host}".encode()}):
        admin.require({b"host": host.encode(), **headers})
        assert admin.is_admin({b"host": host.encode(), **headers})


@in_turn(
    ("host", "origin", "code"),
    [
        (b"rebound.example:4000", None, "foreign_host"),
        (b"rebound.example:4000", b"http://rebound.example:4000", "foreign_host"),
        (b"127.0.0.1.example", None, "foreign_host"),
        (b"localhost.example:4000", None, "foreign_host"),
        (b"192.168.1.5:4000", None, "foreign_host"),
        (b"[::1", None, "foreign_host"),
        (b"", None, "foreign_host"),
        (None, None, "foreign_host"),
        (b"localhost:4000", b"https://page.example", "foreign_origin"),
        (b"localhost:4000", b"http://localhost:3000", "foreign_origin"),
        (b"localhost:4000", b"http://127.0.0.1:4000", "foreign_origin"),
        (b"localhost:4000", b"null", "foreign_origin"),
        (b"localhost:4000", b"", "foreign_origin"),
    ],
)
def test_without_an_admin_key_no_page_of_elsewhere_is(host: bytes | None, origin: bytes | None, code: str) -> None:
    """Neither one whose name points here now, nor one that posts here across sites."""
    headers = {name: value for name, value in ((b"host", host), (b"origin", origin)) if value is not None}
    assert not AdminAuthenticator(None).is_admin(headers)
    with pytest.raises(Forbidden) as refused:
        AdminAuthenticator(None).require(headers)
    assert refused.value.code == code


def test_with_an_admin_key_the_key_alone_decides() -> None:
    """A proxy may stand in front of it, under any name."""
    headers = {b"authorization": b"Bearer the-admin-key", b"host": b"gateway.example", b"origin": b"https://gateway.example"}
    AdminAuthenticator(b"the-admin-key").require(headers)
