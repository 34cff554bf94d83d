"""Install models and the program on devices."""
