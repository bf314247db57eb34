"""OTLP bytes to batches, and results to OTLP bytes. Pure: no clock, no network, no state beyond `Deltas`."""
