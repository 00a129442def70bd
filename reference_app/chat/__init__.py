"""Matches and messages: REST is the truth, the socket makes it fast."""
