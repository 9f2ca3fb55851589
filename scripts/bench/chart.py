# SPDX-License-Identifier: MIT
"""The run as an SVG: one panel for each of a few measures, a bar for each
system. It brings its own background in both colour schemes, so that it can be
read wherever it is shown."""
from html import escape

PANELS = [("Read 1 MiB, GB/s", "seq-read-1m", 1000),
          ("Write 1 MiB, GB/s", "seq-write-1m", 1000),
          ("Random read 4 KiB, 1000 per second", "rand-read-4k", 1000),
          ("Random write 4 KiB, 1000 per second", "rand-write-4k", 1000),
          ("stat, 1000 per second", "meta.stat", 1000),
          ("open, 1000 per second", "meta.open", 1000),
          ("create, 1000 per second", "meta.create", 1000),
          ("unlink, 1000 per second", "meta.unlink", 1000)]
COLUMNS = 2
LABELS = 300      # width of the names
BAR = 230         # width of the longest bar
VALUE = 60        # width of what is written behind it
ROW = 19
HEAD = 30
GAP = 20
MARGIN = 20
TOP = 74
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-size: 17px; font-weight: 600 }
.head { font-weight: 600; font-size: 13px }
.soft { fill: #57606a }
.back { fill: #ffffff }
.tmpfs { fill: #57606a }
.shmfs { fill: #1a7f37 }
.coherent { fill: #0969da }
.other { fill: #0969da }
.stale { fill: #d4a72c }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.soft { fill: #9198a1 }
.back { fill: #0d1117 }
.tmpfs { fill: #9198a1 }
.shmfs { fill: #3fb950 }
.coherent { fill: #4493f8 }
.other { fill: #4493f8 }
.stale { fill: #bb8009 }
}
"""
KEY = [("tmpfs", "tmpfs itself"), ("shmfs", "shmfs"),
       ("coherent", "peer, no wrong answer seen"),
       ("other", "peer"), ("stale", "wrong answers seen")]


def _text(x, y, text, css="", anchor="start"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" class="{css}" '
            f'text-anchor="{anchor}">{escape(text)}</text>')


def _rect(x, y, width, height, css):
    return (f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.1f}" '
            f'height="{height:.0f}" rx="2" class="{css}"/>')


def _class(system, results):
    """What colour says: whose it is, and whether it can be believed."""
    wrong = results.median(system, "handoff.wrong")
    if wrong:
        return "stale"
    if system == "tmpfs":
        return "tmpfs"
    if system.startswith(("native", "direct")):
        return "shmfs"
    return "other" if wrong is None else "coherent"


def _figure(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _panel(x, y, title, bars):
    """bars: [(label, css, value)]"""
    most = max(value for _, _, value in bars)
    parts = [_text(x, y + 16, title, "head")]
    for number, (label, css, value) in enumerate(bars):
        top = y + HEAD + number * ROW
        width = max(1.0, value / most * BAR)
        parts.append(_text(x + LABELS - 8, top + 12, label, "soft", "end"))
        parts.append(_rect(x + LABELS, top + 2, width, ROW - 6, css))
        parts.append(_text(x + LABELS + width + 5, top + 12, _figure(value)))
    return parts


def _key(y, used):
    parts, x = [], MARGIN
    for css, text in KEY:
        if css not in used:
            continue
        parts += [_rect(x, y - 10, 12, 12, css), _text(x + 18, y, text)]
        x += 40 + 7 * len(text)
    return parts


def _panels(data, results):
    """[(title, bars)] of what was measured."""
    panels = []
    for title, metric, divisor in PANELS:
        bars = []
        for system, label in data["systems"].items():
            value = results.median(system, metric)
            if value is not None:
                label = label.replace("passthrough_hp --nopassthrough "
                                      "--direct-io", "passthrough_hp, direct")
                bars.append((label, _class(system, results), value / divisor))
        if bars:
            panels.append((title, bars))
    return panels


def svg(data, results):
    panels = _panels(data, results)
    rows = max((len(bars) for _, bars in panels), default=0)
    height_of_panel = HEAD + rows * ROW + GAP
    lines = (len(panels) + COLUMNS - 1) // COLUMNS
    width = COLUMNS * (LABELS + BAR + VALUE) + (COLUMNS + 1) * MARGIN
    height = TOP + lines * height_of_panel + MARGIN
    machine = data["machine"]
    about = (f"{machine['cpu']}, {machine['cores']} cores, Linux "
             f"{machine['kernel']}, libfuse {machine['libfuse']}, "
             f"{machine['date'][:10]}; median of "
             f"{data['settings']['repeat']}; longer is better")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="shmfs benchmark">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="6" class="back"/>',
        _text(MARGIN, 30, "shmfs beside tmpfs and its peers", "title"),
        _text(width - MARGIN, 30, about, "soft", "end"),
    ]
    used = {css for _, bars in panels for _, css, _ in bars}
    parts += _key(56, used)
    for number, (title, bars) in enumerate(panels):
        x = MARGIN + number % COLUMNS * (LABELS + BAR + VALUE + MARGIN)
        y = TOP + number // COLUMNS * height_of_panel
        parts += _panel(x, y, title, bars)
    return "\n".join(parts + ["</svg>"]) + "\n"
