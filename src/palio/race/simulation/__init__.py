"""The race in virtual time: the server's policy and simpler ones, over synthetic providers."""
