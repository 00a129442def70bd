"""Starts a phase's real servers on this machine, watches them, stops them."""

from reference_app.stack.local import LocalStack, StackError

__all__ = ["LocalStack", "StackError"]
