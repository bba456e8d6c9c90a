"""Palio as a skill: a folder that teaches an agent with a shell to make images."""
