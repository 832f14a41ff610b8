"""What is known about other people's frameworks: one file per framework, nothing of our pipeline."""
