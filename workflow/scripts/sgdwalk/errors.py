"""The one exception that is meant for the user: bad input, said in one line."""


class InputError(ValueError):
    """Bad input: its message is one line that says what is wrong, where, and what is allowed."""
