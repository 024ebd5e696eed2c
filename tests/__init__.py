"""The tests: of the parts beside their names, of the whole against real servers."""
