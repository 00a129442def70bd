"""The end of an account: suspended by a moderator, or deleted by its owner with everything that is known of them."""
