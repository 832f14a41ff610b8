"""A hub on this machine: it answers the real clients of the Hugging Face hub from folders, and fails when told to."""
