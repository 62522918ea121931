"""What a person starts: the commands, the configuration, the graph, which source and which sinks."""
