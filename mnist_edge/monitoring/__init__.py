"""Watch a display: cameras, regions, values, their history, and where they are sent."""
