"""`python -m docgen`: write the pages of docs/reference/ from the code, or compare them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from docgen.catalog import OTHERS, PAGES, difference, path_of, text_of
from promtsdb_dagster.errors import InputError, PromtsdbError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 when a page is not what the code says."""
    options = _parser().parse_args(arguments)
    names = options.page or [*PAGES, *([] if options.check else OTHERS)]
    good = True
    try:
        for name in names:
            if name not in {*PAGES, *OTHERS}:
                raise InputError(
                    f"there is no page {name!r} to write, wanted one of "
                    f"{', '.join([*PAGES, *OTHERS])}"
                )
        for name in names:
            if name in OTHERS:
                OTHERS[name]()
                print(f"written: {name}")
            elif options.check:
                told = difference(name)
                good &= not told
                print(f"{told}{name} differs; run `make docs`" if told else f"ok: {name}")
            else:
                path_of(name).write_text(text_of(name), encoding="utf-8")
                print(f"written: {name}")
    except PromtsdbError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0 if good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m docgen", description=__doc__)
    parser.add_argument(
        "page",
        nargs="*",
        metavar="PAGE",
        help=f"only these of {', '.join([*PAGES, *OTHERS])}; default: all",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing: show what differs, and end with 1"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
