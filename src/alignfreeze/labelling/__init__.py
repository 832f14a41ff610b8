"""The fewest labels that settle which model to use: what to label, and what the labels say."""
