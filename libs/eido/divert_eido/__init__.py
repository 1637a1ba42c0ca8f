"""The Emergency Incident Data Object of NENA-STA-021.1, as divert reads and writes it. Knows nothing of divert."""
