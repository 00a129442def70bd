"""Measures a run and writes its record while it goes on."""
