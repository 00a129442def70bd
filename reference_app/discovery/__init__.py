"""Whom to show next: decks, computed with a geospatial index and kept in Redis."""
