"""How a recorded workflow reaches the one orchestrator that runs it."""
