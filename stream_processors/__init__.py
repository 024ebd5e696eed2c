"""Decides: the pure core in ``domain`` and the Faust worker around it."""
