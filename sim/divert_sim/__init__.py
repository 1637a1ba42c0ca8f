"""The same services on a virtual clock, with simulated people."""
