"""What a provider may say of its cases, and when. Pure: the case as remembered, what was said or happened, the time."""
