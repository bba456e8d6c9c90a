"""Hugging Face diffusers on this machine: pipelines run in a child process, so that the server needs no torch."""
