"""The `divert` command and the local stack."""
