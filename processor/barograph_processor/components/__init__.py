"""What a component is, how components are found, run and fed."""
