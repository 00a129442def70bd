"""Who people are: their own profile, and what others see of it."""
