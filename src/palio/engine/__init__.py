"""The orchestrator: it takes a recorded workflow through its steps and jobs to its end."""
