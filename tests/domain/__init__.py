"""What the pure core decides, shown by playing tickets through their lives."""
