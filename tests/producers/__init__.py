"""Tests of what writes commands."""
