"""Pictures to try the first prediction on."""
