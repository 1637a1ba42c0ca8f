"""Reporting: what became of every call."""
