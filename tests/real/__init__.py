"""Real programs under test control: a test says which it needs, starts them, and reads what they said."""
