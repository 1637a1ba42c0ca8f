"""What if: the same triage and routing under other directories and limits, with as many teams as there are."""
