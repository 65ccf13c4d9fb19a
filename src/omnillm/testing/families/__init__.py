"""What the fake provider does beside generation: one module a family."""
