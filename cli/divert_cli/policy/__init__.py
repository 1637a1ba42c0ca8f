"""`divert policy …`: the life of a policy, from its file to what it decides."""
