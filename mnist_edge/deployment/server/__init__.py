"""Serve a model over HTTP: a page to draw on, and an API that reads pictures."""
