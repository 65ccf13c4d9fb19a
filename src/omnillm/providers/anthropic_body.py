"""Bodies of the Messages API for clouds that serve Claude: they hold the API's version, and leave out what the path says."""

from collections.abc import Mapping

import msgspec

from omnillm.providers.paths import GENERATE

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.encode


class AnthropicBody(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    """The value of `anthropic_version`, unless the client's body has one."""
    left_out: tuple[str, ...]
    """Members of a generation that the path says."""
    has_betas: bool = False
    """True: betas stand in the body, and the header is not read."""

    def fit(self, body: bytes, *, operation: str, headers: Mapping[bytes, bytes]) -> bytes:
        """Return the body as the cloud wants it; the same object where nothing changes. `headers` are the client's."""
        members: dict[str, object] = dict(_decode(body))
        left_out = [name for name in self.left_out if name in members] if operation == GENERATE else []
        betas = headers.get(b"anthropic-beta") if self.has_betas and "anthropic_beta" not in members else None
        if not left_out and "anthropic_version" in members and betas is None:
            return body
        for name in left_out:
            del members[name]
        members.setdefault("anthropic_version", self.version)
        if betas is not None:
            members["anthropic_beta"] = [word.strip() for word in betas.decode("latin-1").split(",") if word.strip()]
        return _encode(members)
