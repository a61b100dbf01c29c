"""Commands that run on the service's own host and open its configuration, not its API."""
