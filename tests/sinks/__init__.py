"""Tests of what reads facts outward."""
