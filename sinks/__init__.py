"""All that reads facts, or the database made of them, outward."""
