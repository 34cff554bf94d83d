"""Other people's models and runtimes, to be measured beside."""
