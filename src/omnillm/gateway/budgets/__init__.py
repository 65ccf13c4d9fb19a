"""The calendar of budgets, and who is told how much of one is spent."""
