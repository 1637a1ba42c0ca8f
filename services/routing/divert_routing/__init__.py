"""Routing: where a call goes next, until it is concluded."""
