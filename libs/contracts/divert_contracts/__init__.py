"""What the parts of divert say to each other: vocabulary, facts, envelope and topics."""
