"""What intake decides. Pure: the bytes of a request, what was learnt, the hashing key and the time, to a fact."""
