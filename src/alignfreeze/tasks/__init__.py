"""Stage 6: learn a task in the source language."""
