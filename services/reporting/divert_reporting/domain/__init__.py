"""What became of every call: a pure function of the set of facts about it."""
