"""Sign-in with a one-time code by SMS; sessions in Redis."""
