"""Tests of the worker around the core."""
