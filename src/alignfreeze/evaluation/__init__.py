"""Stage 7: test a model in other languages, and estimate its quality without labels."""
