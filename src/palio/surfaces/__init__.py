"""Where people and programs meet Palio: REST, MCP, dashboard, command line."""
