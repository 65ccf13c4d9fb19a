"""What a call may cost and take, before it is sent."""
