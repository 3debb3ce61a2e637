"""What the ATC answers other than success."""


class AtcError(Exception):
    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


class WorkerGone(Exception):
    """The end of a registration that is no failure: the row is gone, or the worker has landed."""
