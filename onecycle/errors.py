"""The one exception that a user's mistake raises."""


class UserError(Exception):
    """Something outside the code is wrong: the data, the parameters or the machine.

    Its text names the place (file and row, or the key's full path), what was expected there and
    the remedy. The command line prints it alone, without a traceback, and ends with status 1.
    """
