"""Likes and passes, and the matches that come of them."""
