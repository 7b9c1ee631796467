"""Everything that a running Spark shows: the pages of every tab of its UI, and its REST answers."""

import json
import re
from http.client import HTTPConnection
from urllib.parse import urldefrag, urljoin

SECONDS = 60
# Requests for answers with all details.
_RESTS = (
    "environment",
    "jobs",
    "stages?details=true",
    "executors",
    "sql?length=1000&details=true&planDescription=true",
)
_LINK = re.compile(r"""href=["']([^"']+)["']""")
# The tabs, and what they link to. Jobs and stages are in the REST answers, all at once.
_TABS = r"/(jobs|stages|storage|environment|executors|SQL|StreamingQuery)/"
_PAGE = re.compile(rf"{_TABS}?|/StreamingQuery/statistics/?\?id=[\w-]+")


def shown(host: str) -> dict[str, str]:
    """The content at every path of the UI at this host:port."""
    api = "/api/v1/applications"
    application = json.loads(fetch(host, api))[0]["id"]
    # the page of plans is filled by a script
    plans = [
        f"/SQL/execution/?id={one['id']}"
        for one in json.loads(fetch(host, f"{api}/{application}/sql?length=1000"))
    ]
    waiting = ["/jobs/", *plans, *(f"{api}/{application}/{rest}" for rest in _RESTS)]
    here = f"http://{host}"
    found: dict[str, str] = {}
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = fetch(host, path)
            links = [link.replace("&amp;", "&") for link in _LINK.findall(found[path])]
            addresses = [urldefrag(urljoin(here + path, link)).url.removeprefix(here) for link in links]
            waiting += [one for one in addresses if _PAGE.fullmatch(one)]
    return found


def fetch(host: str, path: str) -> str:
    connection = HTTPConnection(host, timeout=SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode(errors="replace")
    finally:
        connection.close()
