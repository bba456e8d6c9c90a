"""Runs Naftiko capability files: YAML that says which HTTP operations to consume and how to expose them.

It knows nothing of the rest of Palio. What the files mean is told in docs/capabilities.md.
"""
