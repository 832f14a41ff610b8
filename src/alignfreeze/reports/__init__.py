"""Stage 12: tables, pages and notes for readers."""
