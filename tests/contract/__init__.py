"""What we ship and receive, against the real Collector and Prometheus."""
