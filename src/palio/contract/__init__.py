"""The wire: what clients send and read. Models, problem details, references and patches; no I/O."""
