"""Triage: whether an unarmed team may take a call, and why."""
