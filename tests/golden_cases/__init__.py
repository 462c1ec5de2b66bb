"""The recorded cases of the authors' code, one module a subject; each yields `Case` results."""
