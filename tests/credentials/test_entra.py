"""Tokens of Microsoft Entra ID: what is wrong with the machine's identity is told, and is no traceback."""

from pathlib import Path
from random import Random

import pytest

from omnillm.credentials.entra import entra_credential
from omnillm.errors import ConfigError
from omnillm.testing import ManualClock


@pytest.mark.parametrize("how", ["tenant", "certificate"])
def test_environment_that_names_no_identity_is_told_at_start(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to look at, and without the secret in it."""
    monkeypatch.setenv("AZURE_CLIENT_ID", "client")
    monkeypatch.setenv("AZURE_TENANT_ID", "no tenant!" if how == "tenant" else "tenant")
    if how == "tenant":
        monkeypatch.setenv("AZURE_CLIENT_SECRET", "canary-entra")
    else:
        monkeypatch.setenv("AZURE_CLIENT_CERTIFICATE_PATH", str(tmp_path / "missing.pem"))
    with pytest.raises(ConfigError, match=r"AZURE_\*") as caught:
        entra_credential("https://cognitiveservices.azure.com/.default", clock=ManualClock(), dice=Random(1), told="provider azure")
    assert caught.value.path == "auth"
    assert "canary" not in str(caught.value)
