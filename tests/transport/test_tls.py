"""Whom we trust when nobody says."""

import ssl

import pytest

from omnillm.transport.tls import system_trust


@pytest.fixture
def store(monkeypatch, tmp_path):
    """The system's trust store, empty."""
    (tmp_path / "certs").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "certs"))
    return tmp_path


def count(context):
    return context.cert_store_stats()["x509_ca"]


def test_everything_is_verified():
    """Chain and name."""
    context = system_trust()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_systems_own_store_is_used(store, authority):
    """And nothing beside it."""
    authority.cert_pem.write_to_path(store / "none.pem")
    assert count(system_trust()) == 1


def test_directory_of_certificates_is_a_store(store, authority):
    """OpenSSL reads it only when it must, so it looks empty and is not."""
    authority.cert_pem.write_to_path(store / "certs" / "authority.pem")
    assert count(system_trust()) == 0


def test_certifi_stands_in_where_there_is_no_store(store):
    """As in slim containers."""
    assert count(system_trust()) > 50
    (store / "certs").rmdir()
    assert count(system_trust()) > 50
