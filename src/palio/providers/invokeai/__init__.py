"""InvokeAI, a server of one's own: graphs of its nodes, and models that it knows by key."""
