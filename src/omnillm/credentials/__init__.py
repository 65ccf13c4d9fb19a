"""Credentials that expire: fetched off the loop, before they are needed, and put where requests are written."""
