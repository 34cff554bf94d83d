"""How well models and the front end read."""
