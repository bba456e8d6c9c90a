"""Everything that can run jobs: vendors' APIs, self-hosted servers, engines in this process."""
