"""Money as data: the plan's prices (plan.toml), public list prices (list.csv), offers and assumptions."""
