"""The operating system: atomic files, paths, child processes, captured output, HTTPS."""
