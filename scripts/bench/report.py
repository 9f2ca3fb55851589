# SPDX-License-Identifier: MIT
"""The run as Markdown, and its targets as plain text."""
from growth import LEVELS, SECONDS, name_of
from measures import META_OPS

HELP = """\
Compares shmfs with /dev/shm itself and with other FUSE file systems that show
the same directory, in one run on one machine, and holds the result against
the project's targets. Installs what it needs (as root; else says what to
run). Runs in a mount namespace with a /dev/shm of its own and leaves no mount,
process or object behind, also when it is interrupted. Not root, it leaves out
what needs root.

Systems take turns in every measure, repetition by repetition. A ratio is
taken within a repetition; shown are the median, the least and the greatest.
Absolute figures are those of this machine in this hour: compare ratios, and
run it on an otherwise idle machine."""


META_TITLES = {"first": "stat, first"}


def _number(value):
    if value is None:
        return "–"
    if value >= 100000:
        return f"{value / 1000:.0f} k"
    if value >= 10000:
        return f"{value / 1000:.1f} k"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def _cell(results, system, metric):
    """The median, with the spread where there is one."""
    spread = results.spread(system, metric)
    if not spread:
        return "–"
    text = _number(results.median(system, metric))
    if len(results.values(system, metric)) > 1:
        text += f" ({_number(spread[0])}–{_number(spread[1])})"
    return text


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |",
             "|---" * len(head) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return lines + [""]


def _systems_table(data, results, columns):
    """columns: [(title, metric)]; systems with none of them are left out."""
    rows = []
    for system, label in data["systems"].items():
        cells = [_cell(results, system, metric) for _, metric in columns]
        if any(cell != "–" for cell in cells):
            rows.append([label] + cells)
    return _table([""] + [title for title, _ in columns], rows) if rows else []


def _section(title, text, table):
    return ["## " + title, "", text, "", *table] if table else []


def _machine(data):
    machine = data["machine"]
    names = [("cpu", "CPU"), ("cores", "cores"), ("memory", "memory"),
             ("virtual", "virtualization"),
             ("idle", "idle CPUs"), ("kernel", "Linux"),
             ("distribution", "distribution"), ("shmfs", "shmfs"),
             ("commit", "commit"), ("fio", "fio"), ("bindfs", "bindfs"),
             ("descriptors", "most open files of a process"),
             ("date", "date"), ("load_before", "load when it began"),
             ("command", "command")]
    return _table(["machine", ""], [
        [name, str(machine[key])] for key, name in names if machine[key]])


def _target_cells(row):
    if "ratio" not in row:
        return ["–", "–", row["verdict"]]
    return [f"{row['ratio']:.2f}", f"{row['min']:.2f}–{row['max']:.2f}",
            row["verdict"]]


def _targets(data):
    rows = [[row["system"], row["metric"].removeprefix("meta."),
             row["against"], f"{row['at_least']:g}", *_target_cells(row)]
            for row in data["targets"]]
    return _table(["shmfs", "measure", "against", "at least", "reached",
                   "spread", ""], rows)


def _data(data, results):
    lines = []
    tables = [("MB/s, one job", "MB/s", False),
              ("MB/s, two jobs", "MB/s", True),
              ("IOPS of 4 KiB, one job", "IOPS", False),
              ("IOPS of 4 KiB, two jobs", "IOPS", True)]
    for title, unit, two in tables:
        columns = [(metric.removesuffix("-2jobs").replace("-", " "), metric)
                   for metric, found in data["units"].items()
                   if found == unit and metric.endswith("-2jobs") == two]
        lines += _section(title, f"fio on one file of "
                          f"{data['settings']['size'] >> 20} MiB.",
                          _systems_table(data, results, columns)
                          if columns else [])
    return lines


def _latency(data, results):
    columns = [(f"{metric.removesuffix('-4k').replace('rand-', '')} "
                f"{percentile}", f"{metric}.{percentile}")
               for metric in ("rand-read-4k", "rand-write-4k")
               for percentile in ("p50", "p99")]
    return _section("Latency, microseconds",
                    "Random 4 KiB, one job.",
                    _systems_table(data, results, columns))


def _cpu(data, results):
    columns = [(f"{metric.replace('-', ' ')}: {who}", f"{metric}.cpu.{who}")
               for metric in ("seq-read-1m", "seq-write-1m", "rand-read-4k",
                              "rand-write-4k")
               for who in ("daemon", "client")]
    return _section("CPU seconds per GB",
                    "Daemon: all its threads, from /proc/PID/stat (in steps "
                    "of 10 ms). Client: what fio says of its jobs.",
                    _systems_table(data, results, columns))


def _handoff(data, results):
    rows = []
    for system, label in data["systems"].items():
        count = results.median(system, "handoff.count")
        if count is None:
            continue
        example = data["wrong_answers"].get(system)
        notes = [f"such as {example}"] if example else []
        if results.values(system, "handoff.hangs"):
            notes.append("hung")
        if results.values(system, "handoff.full"):
            notes.append("with what it does not support counted as wrong")
        wrong = results.median(system, "handoff.wrong")
        rows.append([label, f"{count:.0f}", f"{wrong:.0f}",
                     "; ".join(notes)])
    text = ("One process changes objects directly and signals another, which "
            "opens, stats, reads and lists them through the mount, some held "
            "open before: steps in which it saw anything that was not the "
            "case. Four pairs at once.")
    return _section("Wrong answers", text, _table(
        ["", "hand-offs", "wrong", ""], rows) if rows else [])


def _growth(data, results):
    lines = []
    parts = [("stat", "First stat of each object, per second"),
             ("restat", "Another stat, per second"),
             ("open", "Open and close, per second"),
             ("list", "Listing, entries per second"),
             ("bytes", "Daemon memory for each object that the kernel knows, "
                       "bytes"),
             ("rss", "Daemon memory (RSS), MiB")]
    for key, title in parts:
        columns = [(name_of(level).removeprefix("growth-"),
                    f"{name_of(level)}.{key}") for level in LEVELS]
        table = _systems_table(data, results, columns)
        if table:
            lines += ["### " + title, "", *table]
    text = (f"All but the first stat by tmpfs and shmfs has {SECONDS} seconds: "
            "with many objects that is a part of them, spread evenly.")
    return _section("Growth with the number of objects", text, lines)


def _trouble(data):
    lines = []
    if data["left_out"]:
        lines += ["## Left out", ""]
        lines += [f"- {system}: {why}" for system, why in data["left_out"]]
        lines.append("")
    if data["failures"]:
        lines += ["## Failures", ""]
        lines += [f"- {system}, {measure}: {why}"
                  for system, measure, why in data["failures"]]
        lines.append("")
    return lines


def markdown(data, results):
    """The whole run."""
    lines = ["# shmfs benchmark", "",
             "Medians, with the least and the greatest value in brackets. "
             f"Repetitions: {data['settings']['repeat']}; "
             f"{data['seconds']} seconds. To repeat it: "
             f"`{data['machine']['command']}`", ""]
    lines += _machine(data)
    lines += ["## Targets", ""] + _targets(data) + _data(data, results)
    lines += _section(
        "Metadata, per second",
        f"One process, {data['settings']['objects']} fresh names; listing: "
        "entries. \"stat, first\" is the first look at objects that were made "
        "through the mount. Before each operation in the columns after it, "
        "readdir aside, all names get a stat that is not timed, as ls -l "
        "would do: a mount that keeps names may know them then.",
        _systems_table(data, results, [(META_TITLES.get(op, op), "meta." + op)
                                       for op in META_OPS]))
    lines += _latency(data, results) + _cpu(data, results)
    lines += _handoff(data, results)
    lines += _section("Daemon memory, MiB", "After the measures above. RSS "
                      "counts the objects' own pages that are mapped.",
                      _systems_table(data, results, [
                          ("RSS", "memory.rss"), ("PSS", "memory.pss"),
                          ("anonymous", "memory.anon")]))
    lines += _growth(data, results) + _trouble(data)
    return "\n".join(lines).rstrip() + "\n"


def summary(data):
    """The targets as text for a terminal."""
    head = ["shmfs", "measure", "against", "at least", "reached", "spread",
            ""]
    rows = [[row["system"], row["metric"].removeprefix("meta."),
             row["against"], f"{row['at_least']:g}", *_target_cells(row)]
            for row in data["targets"]]
    widths = [max(len(row[i]) for row in [head] + rows)
              for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width)
                       for cell, width in zip(row, widths)).rstrip()
             for row in [head] + rows]
    verdicts = [row["verdict"] for row in data["targets"]]
    lines.append(", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict
                           in ("ok", "MISSED", "not measured")))
    return "\n".join(lines)
