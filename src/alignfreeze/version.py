"""The version, which records carry; here so that they need not import the whole package."""

__version__ = "0.1.0"
