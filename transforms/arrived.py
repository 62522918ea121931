"""Photos fetched before their events entered the graph. Only names cross a graph's edges; the bytes wait here, by reference."""

ARRIVED: dict[str, bytes] = {}
"""Event id -> the encoded photo; taken out by the stage that begins the photo's case. Empty where nothing fetches ahead."""
