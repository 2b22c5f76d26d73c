"""`python app.py [--host H] [--port P] [--model SPEC] [--store URL] [--open]`: start the studio."""

from __future__ import annotations

import argparse
import gc
import os
import sys


def main() -> int:
    """Parse arguments and serve until interrupted; 2 when something given cannot be used."""
    parser = argparse.ArgumentParser(prog="app.py", description="GETA Studio, in the browser.")
    parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"), help="address to bind")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8050")), help="port to bind")
    parser.add_argument("--model", metavar="SPEC", help="model on screen at the first visit (default resnet20)")
    parser.add_argument("--store", metavar="URL", help="where runs are kept (default .geta/geta.db)")
    parser.add_argument("--open", action="store_true", help="open a browser")
    given = parser.parse_args()

    gc.disable()  # imports make no garbage, and looking for it takes a tenth of their time; `serve` turns it on again
    from geta_engine.errors import GetaError
    from geta_studio.server.serve import serve

    try:
        serve(given.host, given.port, model=given.model, store=given.store, open_browser=given.open)
    except GetaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
