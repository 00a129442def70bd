"""Notifications for phones that hold no socket: devices, and the providers that reach them."""
