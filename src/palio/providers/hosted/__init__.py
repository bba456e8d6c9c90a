"""What adapters of hosted APIs have in common: one template method from submitting a job to its bytes.

An adapter gives addresses, the payload and a table of signals; see `provider.py`, which calls it.
"""
