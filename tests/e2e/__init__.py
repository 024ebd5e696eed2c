"""End to end: the processes as they are run for real."""
