"""What must not be lost: workflows, claims, attempts, blobs' records and tokens, on SQLite or Postgres."""
