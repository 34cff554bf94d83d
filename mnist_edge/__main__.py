"""``python -m mnist_edge`` is ``mnist-edge``."""

from mnist_edge.system.isolated import leave_current_folder

if __name__ == "__main__":
    # Before anything else is imported: Python put the current folder first on the module path.
    leave_current_folder()

    from mnist_edge.commands.app import main

    main()
