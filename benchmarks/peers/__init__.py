"""Other people's models and runtimes, to compare with."""
