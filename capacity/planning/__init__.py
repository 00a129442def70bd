"""The cheapest servers that meet every target: closed forms of the queueing model, for thousands of ways at once."""
