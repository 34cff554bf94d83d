"""``python -m mnist_edge`` is ``mnist-edge``."""

from mnist_edge.commands.app import main

if __name__ == "__main__":
    main()
