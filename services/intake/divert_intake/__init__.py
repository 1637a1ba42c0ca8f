"""Intake: where every call enters."""
