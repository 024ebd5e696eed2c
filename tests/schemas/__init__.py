"""What the language promises: contracts, examples, codecs, names and words."""
