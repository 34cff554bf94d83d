"""What several tests share: small bundles, recorders, emulated systems, other people's models."""
