"""The configuration file: reading, checking, and what it means to the engine."""
