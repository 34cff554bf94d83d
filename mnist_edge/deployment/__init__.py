"""Put models and the program on devices."""
