"""A call whose client and target speak different protocols, or different formats of an endpoint family."""
