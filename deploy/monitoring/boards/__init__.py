"""The Grafana boards; see make_dashboards.py."""
