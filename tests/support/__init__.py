"""Helpers of several tests: small bundles, recorders, emulated systems, third-party models."""
