"""The articles' systems, trained, converted and measured anew (workstation)."""
