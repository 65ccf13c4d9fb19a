"""What authenticates at a cloud: signatures and tokens, made of credentials that expire and are refreshed off the loop."""
