"""What serving code records, and what leaves the process."""
