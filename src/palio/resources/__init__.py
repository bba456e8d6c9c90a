"""Checkpoints, LoRAs and other weights by AIR, for whoever runs them on this machine."""
