"""Who runs a job: which providers could, in which order, and who claims it first."""
