"""From run records to service demands: what every request costs at every station, and how well that is known."""
