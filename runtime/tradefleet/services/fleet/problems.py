"""What ends the local fleet: one line that says what is wrong and what to do."""


class FleetFailed(Exception):
    """The fleet cannot start or go on; the text is one line for a person."""
