"""Answers from records and scenarios: verdicts, demands, costs. Never touches a server."""
