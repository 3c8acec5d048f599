"""Deployment of a stage: `make preflight`, `make image` and `make deploy`."""
