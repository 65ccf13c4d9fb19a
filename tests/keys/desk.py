"""A pool of keys with a clock and ids, for tests that lease and release by hand."""

from random import Random

from omnillm.keys.pool import Pool
from omnillm.keys.terms import KeyConfigured, Need, PoolConfigured
from omnillm.outcome import Outcome, Verdict


def key(label, **terms):
    return KeyConfigured(label=label, secret_id=f"secret of {label}", **terms)


class Desk:
    """`now` is moved by hand; dice are seeded."""

    def __init__(self, *keys, seed=1, now=1000.0, **terms):
        self.terms = PoolConfigured(provider="p", keys=keys or (key("a"),), **terms)
        self.pool = Pool(self.terms, Random(seed))
        self.now = now
        self._last_id = 0

    def configure(self, *keys, grants=(), **terms):
        self.terms = PoolConfigured(provider="p", keys=keys, **terms)
        self.pool.configure(self.terms, self.now, grants)

    def lease(self, model="m", tokens=1, *, passed=(), is_sent=True, **terms):
        """A grant, already sent unless said otherwise; None when no key has room."""
        self._last_id += 1
        need = Need(case_id=str(self._last_id), targets=(), tokens=tokens, **terms)
        grant = self.pool.lease(need, model, passed, self.now)
        if grant is None:
            return None
        self.pool.outage.call(self.now)
        if is_sent:
            grant.send(self.now)
        return grant

    def end(self, grant, verdict=Verdict.SUCCESS, **outcome):
        return self.pool.release(grant, Outcome(verdict=verdict, **outcome), self.now)

    def prove(self, grant):
        return self.pool.prove(grant, self.now)

    def call(self, verdict=Verdict.SUCCESS, *, on="", model="m", **outcome):
        """One whole call, on the key labelled `on` if given; its grant."""
        grant = self.lease(model, pinned=on)
        assert grant is not None, f"no key for {model} at {self.now}"
        self.end(grant, verdict, **outcome)
        return grant

    def outlook(self, model="m", tokens=1, *, passed=(), is_bound_enough=False, **terms):
        need = Need(case_id="", targets=(), tokens=tokens, **terms)
        return self.pool.outlook(need, model, passed, self.now, is_bound_enough=is_bound_enough)

    def is_leasable(self, label, model="m"):
        """Whether that key would take a call now. The call, if any, is taken back."""
        grant = self.lease(model, pinned=label, is_sent=False)
        if grant is None:
            return False
        self.end(grant, Verdict.ABORTED)
        return True

    def rest_of(self, label, model="m"):
        """Seconds until the key takes a call for the model again; 0: now."""
        return max(0.0, self._rests_until(label, model) - self.now)

    def wait_for(self, label, model="m"):
        """Moves the clock to the moment of the key's return."""
        self.now = max(self.now, self._rests_until(label, model))

    def _rests_until(self, label, model):
        key = self.pool.keys[label]
        circuits = key.circuits(model, key.group.class_of(model, self.now))
        return max(circuit.until if circuit.rest_s(self.now) else 0.0 for circuit in circuits)
