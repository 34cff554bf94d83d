"""The systems of four MNIST tutorials, trained, converted and measured again (workstation)."""
