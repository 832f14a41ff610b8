"""`python -m alignfreeze` is the command `alignfreeze`."""

from alignfreeze.cli import main

if __name__ == "__main__":
    main()
