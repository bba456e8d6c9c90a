"""Where people and programs meet Palio: REST and the command line."""
