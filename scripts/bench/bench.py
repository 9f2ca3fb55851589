# SPDX-License-Identifier: MIT
"""The benchmark's course: which systems and measures, in what order, and an
orderly end whatever happens. Started by scripts/bench/run.
"""
import argparse
import json
import os
import re
import signal
import sys
import time

import chart
import report
from growth import LEVELS, name_of, run_growth
from machine import describe
from measures import HANDOFF, MEASURES, unit_of
from place import Place
from results import Results, targets
from systems import SYSTEMS, CannotRun, Mount

MB = 1 << 20
OTHERS_REPEAT = 3    # of what no target rests on
QUICK_SECONDS = 100  # no measure is begun after that
INTERNAL = "--bin", "--root", "--load", "--outdir"


class Settings:
    """How much of everything."""

    def __init__(self, args):
        self.quick = args.quick
        self.repeat = args.repeat or (1 if args.quick else 5)
        self.size = (256 if args.quick else 512) * MB
        self.runtime = 0.2 if args.quick else 0.8
        self.short_runtime = 0.2 if args.quick else 0.3
        self.objects = 1000 if args.quick else 5000
        self.handoffs = 800 if args.quick else 8000
        self.levels = LEVELS[:2] if args.quick else LEVELS
        self.mounts = 2 if args.quick else 5  # for few objects


class Run:
    def __init__(self, args):
        self.args = args
        self.settings = Settings(args)
        self.place = Place(args.bin)
        self.results = Results()
        self.left_out = []  # [system, why]
        self.mounts = {}
        self.tmpfs = SYSTEMS[0]
        self.start = time.monotonic()
        self.late = False

    def selects(self, system, measure):
        return re.search(self.args.only, f"{system}/{measure}") is not None

    def selected(self):
        names = [measure.name for measure in MEASURES]
        names += [name_of(level) for level in self.settings.levels]
        return [system for system in SYSTEMS
                if any(self.selects(system.name, name) for name in names)]

    def progress(self, text):
        seconds = int(time.monotonic() - self.start)
        print(f"{seconds // 60:3}:{seconds % 60:02} {text}", file=sys.stderr)

    def is_late(self):
        passed = time.monotonic() - self.start
        if (self.settings.quick and passed > QUICK_SECONDS and
                not self.args.repeat and not self.late):
            self.late = True
            self.progress("time is up: the rest is left out")
        return self.late

    def probe(self, systems):
        """Those that this machine can run; says why others cannot."""
        able = []
        for system in systems:
            mount = Mount(system, self.place)
            try:
                mount.start()
                able.append(system)
            except CannotRun as error:
                self.left_out.append([system.name, str(error)])
                self.progress(f"{system.name} is left out: {error}")
            finally:
                mount.stop()
        return able

    def mount_all(self, systems):
        for system in systems:
            mount = Mount(system, self.place)
            self.mounts[system.name] = mount
            try:
                mount.start()
                # Maps, faults and starts threads once, outside of the times.
                mount.run(["dd", "bs=1M", "of=/dev/null",
                           "if=" + mount.data])
            except (CannotRun, RuntimeError) as error:
                self.results.fail(system.name, "mount", str(error))
                del self.mounts[system.name]
                mount.stop()

    def unmount_all(self):
        for mount in self.mounts.values():
            mount.stop()
        self.mounts = {}

    def is_due(self, measure, system, rep):
        if not self.selects(system.name, measure.name):
            return False
        if self.settings.quick and not measure.core:
            return False
        if measure.once:
            return rep == 0
        return rep < OTHERS_REPEAT or (measure.core and system.target)

    def measure(self, measure, system, rep):
        mount = self.mounts.get(system.name)
        if not mount:
            return
        try:
            values = measure.run(mount, self.settings, rep)
        except (RuntimeError, OSError) as error:
            self.results.fail(system.name, measure.name, str(error))
            self.progress(f"{system.name} {measure.name}: {error}")
            return
        for metric, value in values.items():
            self.results.add(system.name, metric, rep, value)

    def repetition(self, systems, rep):
        """Every measure on one system after the other, so that what disturbs
        the machine for a while disturbs all of them; each time another one
        begins."""
        self.mount_all([system for system in systems if any(
            self.is_due(measure, system, rep) for measure in MEASURES)])
        for number, measure in enumerate(MEASURES):
            due = [system for system in systems
                   if self.is_due(measure, system, rep)]
            if not due or self.is_late():
                continue
            self.progress(f"repetition {rep + 1} of {self.settings.repeat}: "
                          f"{measure.name}")
            first = (rep + number) % len(due)
            for system in due[first:] + due[:first]:
                if not self.is_late():
                    self.measure(measure, system, rep)
        self.unmount_all()

    def run(self):
        settings = self.settings
        self.place.enter()
        self.place.fill(settings.size)
        systems = self.probe(self.selected())
        for rep in range(settings.repeat):
            self.repetition(systems, rep)
        run_growth(self, systems, settings.levels)

    def leave(self):
        for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)
        try:
            self.unmount_all()
        finally:
            self.place.leave()


def document(run):
    results = run.results
    labels = {system.name: system.label for system in SYSTEMS}
    return {
        "machine": describe(run.args),
        "settings": vars(run.settings),
        "seconds": round(time.monotonic() - run.start),
        "systems": labels,
        "left_out": run.left_out,
        "failures": results.failures,
        "wrong_answers": HANDOFF.examples,
        "units": {metric: unit_of(metric) for metric in results.metrics()},
        "samples": results.samples,
        "targets": targets(results, labels),
    }


def write(run):
    data = document(run)
    os.makedirs(run.args.out, exist_ok=True)
    files = {"results.json": json.dumps(data, indent=1) + "\n",
             "results.md": report.markdown(data, run.results),
             "results.svg": chart.svg(data, run.results)}
    for name, text in files.items():
        with open(os.path.join(run.args.out, name), "w",
                  encoding="utf-8") as file:
            file.write(text)
    print(report.summary(data))
    print(f"{', '.join(files)} are in {run.args.out}")


def parse():
    parser = argparse.ArgumentParser(
        prog="scripts/bench/run", allow_abbrev=False, formatter_class=argparse.
        RawDescriptionHelpFormatter, description=report.HELP)
    parser.add_argument("--quick", action="store_true",
                        help="two minutes instead of about 25: one "
                        "repetition, short, without what no target rests on")
    parser.add_argument("--only", metavar="REGEX", default="",
                        help="only where 'SYSTEM/MEASURE' matches; see --list")
    parser.add_argument("--repeat", metavar="N", type=int,
                        help="repetitions (5; quick: 1)")
    parser.add_argument("--out", metavar="DIR",
                        help="where results go (build/bench)")
    parser.add_argument("--list", action="store_true",
                        help="print the systems and measures")
    for name in INTERNAL:  # from scripts/bench/run
        parser.add_argument(name, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.out = args.out or args.outdir
    args.words = [word for word in sys.argv[1:]
                  if word.partition("=")[0] not in INTERNAL]
    try:
        re.compile(args.only)
    except re.error as error:
        parser.error(f"--only: {error}")
    if args.repeat is not None and args.repeat < 1:
        parser.error("--repeat: at least 1")
    return args


def print_list():
    print("systems:")
    for system in SYSTEMS:
        print(f"  {system.name:20} {system.label}")
    print("measures:")
    for measure in MEASURES:
        print(f"  {measure.name}")
    for level in LEVELS:
        print(f"  {name_of(level)}")


def interrupted(number, _frame):
    raise KeyboardInterrupt(number)


def main():
    args = parse()
    if args.list:
        print_list()
        return 0
    run = Run(args)
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, interrupted)
    try:
        run.run()
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    finally:
        run.leave()
    write(run)
    return 0


if __name__ == "__main__":
    sys.exit(main())
