"""Sends traffic, measures it and leaves a run record. Importing this package imports no Locust."""
