"""What measures speed; never run as a test. ``python -m benchmarks`` loads the data it needs and prints a table."""
