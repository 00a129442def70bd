"""Who watches in production, with the limits of scenarios/targets.toml: Prometheus, Grafana, CloudWatch.

`python -m reports.watching FOLDER` writes their files; `make schema` does so into deploy/watching. It
needs the `dev` extra: planners and servers have no use for it.
"""
