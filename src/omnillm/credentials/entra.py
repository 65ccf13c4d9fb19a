"""Tokens of Microsoft Entra ID, from whatever identity the machine has: environment, workload identity, managed identity, `az login`."""

from omnillm.credentials.renewal import Fetch, Token
from omnillm.errors import ConfigError, Unavailable
from omnillm.secret import Secret


def entra_tokens(scope: str) -> Fetch:
    """ConfigError: the extra is not installed, or the environment names an identity that is none."""
    try:
        from azure.core.exceptions import AzureError
        from azure.identity import DefaultAzureCredential
    except ImportError as error:
        raise ConfigError("entra needs the package azure-identity: pip install 'omnillm[azure]'", path="auth") from error
    try:
        credential = DefaultAzureCredential()
    except (ValueError, OSError) as error:  # AZURE_TENANT_ID, AZURE_CLIENT_CERTIFICATE_PATH and the like
        raise ConfigError(f"entra cannot use the identity that the environment's AZURE_* variables name: {error}", path="auth") from error

    def fetch() -> Token:
        try:
            token = credential.get_token(scope)
        except (AzureError, ValueError, OSError) as error:
            # Its text names the identities that were tried, and no secret of them.
            raise Unavailable(f"Microsoft Entra ID gave none ({type(error).__name__})") from error
        return Token(secret=Secret(token.token), expires_wall=float(token.expires_on))

    return fetch
