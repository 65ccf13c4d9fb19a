import pytest
from tests.in_turn import in_turn

from omnillm.errors import BadRequest, ConfigError
from omnillm.providers.kinds import endpoint
from omnillm.providers.urls import path_name
from omnillm.secret import Secret


@in_turn("model", ["", "..", "../x", "a/../b", "a//b", "/a", "a/", "./a", "\ud800"])
def test_a_model_name_that_could_leave_its_place_is_the_callers_fault(model):
    """A server would resolve the dots."""
    with pytest.raises(BadRequest):
        path_name(model)


@in_turn(
    ("base_url", "told"),
    [
        ("h", "like https"),
        ("https://", "like https"),
        ("ftp://h", "like https"),
        ("//h/x", "like https"),
        ("https://h:x", "is not a URL"),
        ("https://h:99999", "is not a URL"),
        ("https://h:0", "like https"),
        ("https://[::1", "is not a URL"),
        ("https://u:p@h", "no user, password"),
        ("https://h/#x", "no user, password or fragment"),
        ("https://h/a b", "without spaces"),
        ("https://h/\r\nx", "without spaces"),
        ("https://hé", "ASCII"),
        ("https://h/{model}", "need compat"),
        ("https://{model}/x", "need compat"),
    ],
)
def test_a_base_url_that_cannot_work_is_refused(base_url, told):
    """With a reason that repeats nothing of it."""
    with pytest.raises(ConfigError, match=told) as caught:
        endpoint("openai", base_url=Secret(base_url))
    assert caught.value.path == "base_url"


@in_turn("base_url", ["https://h/{modle}", "https://h/{", "https://{model}/x", "https://h/}{model}"])
def test_a_compat_url_holds_no_other_place(base_url):
    """A typing error would be sent as it stands."""
    with pytest.raises(ConfigError, match="can be filled in, after the host"):
        endpoint("openai", base_url=Secret(base_url), is_compat=True)
