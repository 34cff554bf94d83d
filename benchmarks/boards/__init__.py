"""A model in C on emulated microcontrollers."""
