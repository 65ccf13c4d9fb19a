"""What authenticates at a cloud: signatures and tokens, made of credentials that are refreshed off the loop."""
