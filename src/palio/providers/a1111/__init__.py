"""Servers with the API of AUTOMATIC1111's web UI: that, Forge and SD.Next."""
