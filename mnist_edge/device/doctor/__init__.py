"""Whether a machine can read pictures with the shipped models, and what to do where it cannot."""
