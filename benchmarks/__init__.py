"""What this project is measured by: accuracy, speed, and beside its peers."""
