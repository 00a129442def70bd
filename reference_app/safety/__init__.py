"""Blocking and reporting people, and the moderators' queue."""
