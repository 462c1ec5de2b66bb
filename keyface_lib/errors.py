"""The error every wrong input ends in."""


class KeyFaceError(ValueError):
    """A wrong input or setting.

    Its message is one line that names the file or value, the rule it breaks and the remedy; the command
    line and the nodes show it as it is, without a traceback.
    """
