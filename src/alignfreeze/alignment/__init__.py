"""Stage 2: which words translate each other."""
