"""The language of the product: commands, facts, policy sets, topics and the words for them."""
