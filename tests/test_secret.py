import copy
import json
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnillm.secret import Secret


def test_a_secret_shows_itself_in_no_form_of_text():
    """repr, str, formats, containers, exceptions."""
    secret = Secret("canary")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>30}", format(secret, ">30"), repr([secret]), repr({secret: 1})]
    assert all("canary" not in each and "Secret(…)" in each for each in [*shown, str(ValueError(secret))])


def test_a_secret_is_never_serialised():
    """Neither JSON nor pickle nor msgpack takes it."""
    secret = Secret("canary")
    for write in (pickle.dumps, json.dumps, msgspec.json.encode, msgspec.msgpack.encode):
        with pytest.raises(TypeError) as caught:
            write(secret)
        assert "canary" not in str(caught.value)


def test_a_secret_is_revealed_only_when_asked():
    """And is falsy when empty."""
    assert Secret("canary").reveal() == "canary"
    assert (bool(Secret("a")), bool(Secret(""))) == (True, False)


@given(st.text(), st.text())
def test_secrets_are_equal_when_their_texts_are(one, other):
    """Hash and digest agree; nothing else equals a secret."""
    assert (Secret(one) == Secret(other)) == (one == other)
    assert Secret(one) == copy.copy(Secret(one)) == copy.deepcopy(Secret(one))
    assert hash(Secret(one)) == hash(Secret(one))
    assert (Secret(one).digest == Secret(other).digest) == (one == other)
    assert Secret(one) != one
