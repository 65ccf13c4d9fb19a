"""What is sealed is found in a body by its mark, and read again."""

import base64

from omnillm.model.message import Issuer, Opaque
from omnillm.protocols.envelope import MARK, seal, unseal

OPAQUE = Opaque(value="Eq4CCkYIBxgC/+==", issuer=Issuer(protocol="anthropic_messages", provider="p", key="k", model="m", ticket="t"))


def test_sealed_value_begins_with_the_mark_and_comes_back() -> None:
    """Whose it is comes with it."""
    sealed = seal(OPAQUE)
    assert sealed.encode().startswith(MARK)
    assert unseal(sealed, "openai_responses") == OPAQUE


def test_mark_is_spelt_alike_everywhere() -> None:
    """Whole bytes in either alphabet of base64, and no letter that JSON may escape."""
    content = base64.b64decode(MARK, validate=True)
    assert base64.b64encode(content) == base64.urlsafe_b64encode(content) == MARK
    assert MARK.isalnum()


def test_envelope_is_read_in_either_alphabet() -> None:
    """Gemini's Python SDK writes bytes back in the one for URLs, others leave the padding out: the value may hold any text."""
    opaque = Opaque(value='["sig","Is it deep? ~~~ 水 >>> Really???"]', issuer=OPAQUE.issuer)
    sealed = seal(opaque)
    assert {*"+/"} & {*sealed}
    assert unseal(sealed.translate(str.maketrans("+/", "-_")).rstrip("="), "gemini_generate_content") == opaque


def test_damaged_envelope_is_nobodys() -> None:
    """It is given to no provider: only what opens is somebody's."""
    deep = base64.b64encode(base64.b64decode(MARK) + b'["","","","","","",' + b"[" * 5_000).decode()
    for damaged in (MARK.decode(), seal(OPAQUE)[:-9], MARK.decode() + "!!!!", deep):
        assert unseal(damaged, "openai_responses").issuer == Issuer(protocol="omnillm")
