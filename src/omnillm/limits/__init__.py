"""Limits as plain counters: sliding windows, concurrency, budgets. Time is an argument."""
