#!/usr/bin/env python3
"""Makes the Grafana dashboards: `make_dashboards.py [FOLDER]`, by default `dashboards` beside this file.

The boards are kept in the tree as well; a test (tests/e2e/tests/dashboards.rs) refuses a tree in which they differ from what
this makes, runs every query, and holds every panel against Grafana's own types (tests/grafana).
"""

import pathlib
import sys

sys.dont_write_bytecode = True

from boards import daemon, fleet, load_balancers, target  # noqa: E402

BOARDS = {
    'daemon.json': daemon.BOARD,
    'fleet.json': fleet.BOARD,
    'load-balancers.json': load_balancers.BOARD,
    'target.json': target.BOARD,
}

folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / 'dashboards'
for name, board in BOARDS.items():
    (folder / name).write_text(board.text())
