"""Check whether a machine can read pictures with the shipped models, and advise if it cannot."""
