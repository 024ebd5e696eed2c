"""What the tests lean on: real servers, started for them and thrown away."""
