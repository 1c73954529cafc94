"""Ask the webserver whether every code location is loaded; status 0 is yes."""

from __future__ import annotations

import json
import os
import sys
import urllib.request

QUERY = """{
  workspaceOrError {
    __typename
    ... on Workspace {
      locationEntries { name locationOrLoadError { __typename } }
    }
  }
}"""


def main() -> str | None:
    """Return what is wrong, None when nothing is."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{os.environ.get('DAGSTER_WEBSERVER_PORT', '3030')}/graphql",
        data=json.dumps({"query": QUERY}).encode(),
        headers={"Content-Type": "application/json"},
    )
    # No proxy of the environment: the webserver is in this container.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as response:
        workspace = json.load(response)["data"]["workspaceOrError"]
    entries = workspace.get("locationEntries") or []
    loaded = [
        entry
        for entry in entries
        if (entry["locationOrLoadError"] or {}).get("__typename") == "RepositoryLocation"
    ]
    if entries and len(loaded) == len(entries):
        return None
    return f"{len(loaded)} of {len(entries)} code locations are loaded, wanted all: {workspace}"


if __name__ == "__main__":
    sys.exit(main())
