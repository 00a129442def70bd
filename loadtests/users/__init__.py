"""How people behave: swipers, browsers and chatters, on what they have in common."""
