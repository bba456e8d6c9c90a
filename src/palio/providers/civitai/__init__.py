"""Civitai's Orchestration API, and everything that speaks it: another Palio is one."""
