"""The tests, and what they share, as one package."""
