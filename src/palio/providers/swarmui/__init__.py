"""SwarmUI, a server of one's own that spreads work over backends: sessions of ours, parameters by their ids."""
