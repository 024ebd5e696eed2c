"""How it runs: the ``hotline`` command, settings, the embedded broker, and the rules as data in ``config``."""
