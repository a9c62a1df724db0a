"""The checker of accessibility, put into pages from outside: pages themselves ask for nothing of the kind."""

import os
from pathlib import Path

SOURCE = Path(os.environ["WAYPOST_AXE"]).read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def violations(page):
    """What breaks WCAG 2.2 AA, a line each."""
    # Through the debugger, which no policy of the page applies to.
    page.evaluate(SOURCE)
    found = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", TAGS)
    return [
        f"{rule['id']}: {node['html']} {node.get('failureSummary', '')}" for rule in found["violations"] for node in rule["nodes"]
    ]
