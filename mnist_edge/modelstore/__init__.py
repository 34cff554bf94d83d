"""Models on disk: manifests, loading, and which one is in use."""
