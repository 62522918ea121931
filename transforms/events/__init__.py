"""Events from messages: which published schema a message follows is told by its content."""
