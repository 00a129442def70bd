"""Queueing networks: what they are, what theory says of them, and a simulator of their customers, one by one."""
