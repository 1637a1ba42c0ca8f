"""What triage decides. Pure: the policy as data, and the judgement of a picture by it."""
