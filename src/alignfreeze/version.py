"""The version, which records contain. It is in this file so that records need not import the whole package."""

__version__ = "0.2.0"
