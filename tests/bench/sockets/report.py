"""The tables: what was measured, ratios, and the goals."""
import statistics

import rounds
import steady

MIB = 1 << 20


def table(header, rows):
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [cell.ljust(width) if column == 0 else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())


def figures(runs, cases, base):
    """One line a case: medians over rounds, and the ratio to `base` within rounds."""
    print()
    rows = []
    for case in cases:
        of = runs[case.label]
        share = rounds.ratio(runs, case.label, base)
        rows.append([
            case.label,
            f"{statistics.median(run.rate for run in of):,.0f}",
            f"{min(run.rate for run in of):,.0f}-{max(run.rate for run in of):,.0f}",
            f"{rounds.user_per_reply(runs, case.label) or 0:.2f} +-{rounds.tick_error(runs, case.label):.2f}",
            f"{statistics.median(run.size for run in of):.0f}",
            f"{statistics.median(run.busy for run in of):.0%}",
            f"{statistics.median(run.others for run in of):.0%}",
            "-" if share is None else f"{share:.2f}",
        ])
    table(["server", "replies/s", "least-most", "user us/reply", "octets", "core busy", "disturbed", f"/ {base}"], rows)


def memory(servers, sizes):
    print()
    rows = [[server.name, f"{server.load:.2f}", f"{sizes[server.name] / MIB:.0f}"] for server in servers]
    table(["server", "s until it answers", "resident MiB"], rows)


class Goals:
    """What is to be reached, each met or not or not measured."""

    def __init__(self):
        self.rows = []

    def add(self, what, figure, goal, bound, unit=""):
        """`goal` is `at least` or `at most` the bound."""
        if figure is None:
            self.rows.append([what, "-", f"{goal} {bound:g}{unit}", "not measured"])
            return
        met = figure >= bound if goal == "at least" else figure <= bound
        self.rows.append([what, f"{figure:.3g}{unit}" if figure < 1000 else f"{figure:.0f}{unit}",
                          f"{goal} {bound:.3g}{unit}", "met" if met else "NOT MET"])

    def show(self):
        print()
        table(["goal", "measured", "wanted", ""], self.rows)


def flips(delays, summary, replies):
    """From each of four moments to the first packet with the new answer."""
    meanings = {
        "order": "the order's entry in the journal, made before it is stored",
        "plan": "the plan's entry in the journal, made after it is served",
        "call": "the command was started",
        "return": "the command returned",
    }
    print()
    rows = []
    for key, meaning in meanings.items():
        of = delays[key]
        if of:
            rows.append([meaning, str(len(of)), f"{statistics.median(of):.2f}", f"{steady.percentile(of, 0.99):.2f}",
                         f"{max(of):.2f}"])
    table(["first new answer, ms after", "changes", "median", "p99", "most"], rows)
    print(f"asked every {steady.GAP} us; {replies.received:,} of {replies.sent:,} other queries answered; "
          f"longest silence {summary['silence'] / 1e6:.1f} ms")
