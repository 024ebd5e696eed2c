"""All that writes commands: the door, the publisher, the import of ledgers and the simulator."""
