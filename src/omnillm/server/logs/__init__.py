"""What the program writes down as it runs: a line a call, and its own messages, from a thread of their own."""
