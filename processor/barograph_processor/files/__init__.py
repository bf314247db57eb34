"""Predictions and ground truth in files: tables of rows, and OTLP as Collectors write it."""
