"""What carries a stream: the driver of bounded epochs and its parts, and the job on Flink. `docs/delivery.md`."""
