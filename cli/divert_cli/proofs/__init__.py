"""Proofs that take a while, each on a stack of its own or against the one that runs; see docs/proofs.md."""
