"""Infrastructure and use -> bill: the plan's, the list price's, and what is needed; per phase, over time, per user."""
