"""Provider keys: their limits, their health, and which one is next.

- `Key`: one upstream credential. `Group`: keys that share an account's limits. `ModelClass`: a group's limits and health for some models.
- `Circuit`: closed, open until a moment, half-open with one probe. Every scope of health is one: key, key x model, group x model, provider.
- `Grant`: a lease that is out, with all it holds. `Pool`: the keys of one provider.
"""
