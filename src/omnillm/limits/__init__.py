"""Limits as plain counters: sliding windows and budgets. Time is an argument."""
