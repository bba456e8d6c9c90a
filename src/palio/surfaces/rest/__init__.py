"""The contract over HTTP: routes, authentication, problem documents and the OpenAPI description."""
