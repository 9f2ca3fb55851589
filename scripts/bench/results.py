# SPDX-License-Identifier: MIT
"""The samples of one run, and the targets that they are held against."""
import statistics

# Against a reference system: (title, system, reference, metrics, at least).
_COHERENT = "the coherent peer"
_DEVICE = {"seq-read-1m": 2.2, "seq-write-1m": 1.3, "rand-read-4k": 1.5,
           "rand-write-4k": 1.5, "meta.create": 1.5, "meta.stat": 3,
           "meta.open": 2.5, "meta.truncate": 2, "meta.unlink": 2.5}
_RINGS = {"seq-read-1m": 1.2, "seq-write-1m": 1.2, "rand-read-4k": 1.0,
          "rand-write-4k": 1.0, "meta.create": 1.0, "meta.stat": 1.8,
          "meta.open": 1.5, "meta.truncate": 1.2, "meta.unlink": 2}
_RATIOS = [
    ("native", "native", "tmpfs",
     {"seq-read-1m": 0.95, "seq-write-1m": 0.95, "seq-read-128k": 0.95,
      "seq-write-128k": 0.95, "mmap-read-4k": 0.95, "rand-read-4k": 0.85,
      "rand-write-4k": 0.85}),
    ("native", "native", "hp", {"rand-write-4k": 15}),
    ("direct, /dev/fuse", "direct", "ll-coherent", _DEVICE),
    ("direct, /dev/fuse, cpu_latency=0", "direct-awake", "ll-coherent",
     _DEVICE),
    ("direct, /dev/fuse, both with CPUs awake", "direct-awake",
     "ll-coherent-awake", _DEVICE),
    ("direct, io_uring", "direct-uring", "ll-coherent-uring", _RINGS),
    ("direct, io_uring, cpu_latency=0", "direct-uring-awake",
     "ll-coherent-uring", _RINGS),
    ("direct, io_uring, both with CPUs awake", "direct-uring-awake",
     "ll-coherent-uring-awake", _RINGS),
]
# First stat of an object with many of them, against the same with few.
_GROWTH = [("native", 0.9), ("direct", 0.9), ("direct-uring", 0.9)]
_MANY, _FEW = "growth-1m.stat", "growth-1k.stat"


class Results:
    def __init__(self):
        self.samples = {}   # system -> metric -> [[repetition, value]]
        self.failures = []  # [system, measure, message]

    def add(self, system, metric, rep, value):
        self.samples.setdefault(system, {}).setdefault(metric, []).append(
            [rep, value])

    def fail(self, system, measure, message):
        if [system, measure, message] not in self.failures:
            self.failures.append([system, measure, message])

    def values(self, system, metric):
        return [value for _, value in
                self.samples.get(system, {}).get(metric, [])]

    def median(self, system, metric):
        values = self.values(system, metric)
        return statistics.median(values) if values else None

    def spread(self, system, metric):
        values = self.values(system, metric)
        return (min(values), max(values)) if values else None

    def metrics(self):
        """All there are, in the order in which they came up."""
        return list(dict.fromkeys(metric for system in self.samples.values()
                                  for metric in system))

    def ratios(self, system, reference, metric):
        """One for each repetition that has both: what disturbs a repetition
        disturbs both sides of its ratio."""
        ours = dict(self.samples.get(system, {}).get(metric, []))
        theirs = dict(self.samples.get(reference, {}).get(metric, []))
        return [ours[rep] / theirs[rep] for rep in ours if theirs.get(rep)]


def _row(title, metric, reference, least, ratios):
    row = {"system": title, "metric": metric, "against": reference,
           "at_least": least, "ratios": ratios, "verdict": "not measured"}
    if ratios:
        row["ratio"] = statistics.median(ratios)
        row["min"], row["max"] = min(ratios), max(ratios)
        row["verdict"] = "ok" if row["ratio"] >= least else "MISSED"
    return row


def targets(results, labels):
    """A row for each target; labels: system -> what it is called."""
    rows = []
    for title, system, reference, wanted in _RATIOS:
        name = (_COHERENT if reference.startswith("ll-coherent")
                else labels[reference])
        for metric, least in wanted.items():
            rows.append(_row(title, metric, name, least,
                             results.ratios(system, reference, metric)))
    for system, least in _GROWTH:
        few = results.median(system, _FEW)
        many = results.values(system, _MANY) if few else []
        rows.append(_row(labels[system].removeprefix("shmfs "),
                         "stat, 1 M objects", "1 k objects", least,
                         [value / few for value in many]))
    return rows
