"""The dating backend that Matchday measures: FastAPI, MongoDB, Redis, S3, SQS and WebSocket chat."""
