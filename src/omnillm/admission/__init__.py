"""The admission controller: where every decision is made. Plain synchronous objects; clock and dice are arguments."""
