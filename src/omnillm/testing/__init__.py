"""For tests of what is built on omnillm, and of omnillm: a provider that can fail in every way, and a clock that obeys."""

from omnillm.testing.catalogue import FAULTS
from omnillm.testing.clock import ManualClock
from omnillm.testing.fake_provider import FakeProvider
from omnillm.testing.faults import Fault, Hint
from omnillm.testing.invoice import Invoice
from omnillm.testing.invoice import Line as InvoiceLine
from omnillm.testing.log import Logged
from omnillm.testing.script import Behaviour
from omnillm.testing.threaded import ThreadedFakeProvider

# fmt: off
__all__ = [
    "FAULTS", "Behaviour", "FakeProvider", "Fault", "Hint", "Invoice", "InvoiceLine", "Logged", "ManualClock", "ThreadedFakeProvider",
]
# fmt: on
