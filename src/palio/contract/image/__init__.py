"""Image generation: one module per engine family; each variant turns itself into ImageJobs."""
