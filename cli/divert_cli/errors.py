"""What ends a command with a message instead of a traceback."""


class StackError(Exception):
    """The stack cannot do what was asked; the message says why and what can be done."""
