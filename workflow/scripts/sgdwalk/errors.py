"""The one exception that is meant for the user, and errors of others in one line."""


def first_line(error: BaseException) -> str:
    """What an error says, in one line; its class where it says nothing."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


class InputError(ValueError):
    """Bad input: its message is one line that says what is wrong, where, and what is allowed."""
