"""Watches the stations of a backend, once a second, from a process of its own."""
