"""``report.html``: what a run was given, what it did and what it found, in one file that opens offline."""

import base64
from pathlib import Path
from typing import Any

from kerasarch.options import as_typed
from kerasarch.runs import plots
from kerasarch.runs.atomic import write_file
from kerasarch.runs.folder import FIGURES, METRICS, REPORT, RunFolder
from kerasarch.runs.health_report import health
from kerasarch.runs.page import escape, figure, number, page, table
from kerasarch.runs.parts import Parts, slug
from kerasarch.runs.record import Record, read_record

_INTERNAL = frozenset({"time", "kind", "phase", "epoch", "step", "seconds"})


def write_report(folder: RunFolder) -> Path:
    """Write a run's report from what its folder holds, also while the run goes on.

    Args:
        folder: The run's folder.

    Returns:
        The report's path.

    Raises:
        RunError: It cannot be written.
    """
    record, parts = read_record(folder.path / METRICS), Parts(folder.path)
    sections = [
        _head(folder),
        _results(folder),
        _section("Learning curves", _curves(record)),
        _section("Learning rates and open groups", _rates(record)),
        _section("Health of training", health(record)),
        _section("Tables", "".join(_table(part) for part in parts.read("table"))),
        _section("Confusion matrix", _confusion(parts)),
        _section("Example predictions", _examples(parts)),
        _section("Figures", _figures(folder, parts)),
        _section("Options", _options(folder)),
        _section("Environment", _environment(folder)),
    ]
    body = "\n".join(section for section in sections if section)
    path = folder.path / REPORT
    write_file(path, lambda file: file.write(page(f"{folder.recipe} {folder.id}", body)))
    return path


def metrics_of(record: Record) -> list[str]:
    """List what was logged of every epoch, without ``val_`` and the groups' rates, the loss first."""
    names = {
        name.removeprefix("val_")
        for rows in record.phases.values()
        for row in rows
        for name in row
        if name not in _INTERNAL and not name.startswith(("lr/", "open/"))
    }
    return sorted(names, key=lambda name: (name != "loss", name))


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>\n{content}</section>" if content else ""


def _table(part: dict[str, Any]) -> str:
    name = part["name"]
    return f"<h3>{escape(name[:1].upper() + name[1:])}</h3>\n{table(part['rows'], part['caption'])}"


def _head(folder: RunFolder) -> str:
    run, status = folder.run, folder.status
    colour = {"finished": "good", "failed": "bad", "died": "bad"}.get(status, "soft")
    facts = [
        f"backend {run.get('backend')}",
        f"seed {run.get('seed')}",
        str(run.get("created", ""))[:16].replace("T", " "),
    ]
    if run.get("seconds") is not None:
        facts.append(f"{run['seconds']:.1f} s")
    if run.get("smoke"):
        facts.append("a quick trial (--smoke)")
    if run.get("resumed"):
        facts.append(f"resumed {len(run['resumed'])} times" if len(run["resumed"]) > 1 else "resumed once")
    error = f'<p class="bad">{escape(run["error"])}</p>' if run.get("error") else ""
    return (
        f'<h1>{escape(folder.recipe)} <span class="soft">{escape(folder.id)}</span></h1>'
        f'<p><span class="{colour}">{escape(status)}</span> '
        f'<span class="soft">· {escape(" · ".join(facts))}</span></p>{error}'
    )


def _results(folder: RunFolder) -> str:
    found = folder.result
    expected = found.get("expected", {})
    cards = []
    for name, value in found.get("result", {}).items():
        verdict = ""
        if name in expected:
            met = expected[name]["met"]
            word = "as expected" if met else "missed"
            style, wanted = "good" if met else "bad", escape(expected[name]["expected"])
            verdict = f'<small>expected {wanted}: <span class="{style}">'
            verdict += f"{word}</span></small>"
        cards.append(f'<div class="card"><small>{escape(name)}</small><b>{escape(number(value))}</b>{verdict}</div>')
    return f'<div class="cards">{"".join(cards)}</div>' if cards else ""


def _curves(record: Record) -> str:
    drawn = []
    for metric in metrics_of(record):
        png = plots.curves({"": record.phases}, metric)
        if png:
            drawn.append(figure(png, f"{metric} over the epochs, training and validation"))
    if drawn:
        phases = [{"phase": name, "epochs": len(rows), **_last(rows[-1])} for name, rows in record.phases.items()]
        drawn.append(table(phases, "Where each phase ended"))
    return "".join(drawn)


def _last(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _INTERNAL and "/" not in name}


def _rates(record: Record) -> str:
    png = plots.rates(record.phases)
    return (
        figure(png, "Learning rate of each group of layers over the epochs, and which groups were open") if png else ""
    )


def _confusion(parts: Parts) -> str:
    found = parts.read("confusion")
    if not found:
        return ""
    png = plots.confusion(found[-1]["matrix"], found[-1]["classes"])
    return figure(png, f"Confusion matrix of {len(found[-1]['classes'])} classes", "True classes in rows")


def _examples(parts: Parts) -> str:
    found = parts.read_examples()
    if found is None:
        return ""
    classes = found["classes"]
    cells = []
    for image, label, chances in zip(found["images"], found["labels"], found["predictions"], strict=True):
        guess = int(chances.argmax())
        right = guess == int(label)
        sure = f"{escape(classes[guess])} {chances[guess]:.0%}"
        text = f'<span class="good">✓ {sure}</span>' if right else f'<span class="bad">✗ {sure}</span>'
        text += "" if right else f"<br>is {escape(classes[int(label)])}"
        alt = f"picture of {escape(classes[int(label)])}, taken for {escape(classes[guess])}"
        cells.append(
            f'<figure><img src="data:image/png;base64,{plots.picture(image)}" alt="{alt}">'
            f"<figcaption>{text}</figcaption></figure>"
        )
    return f'<div class="pictures">{"".join(cells)}</div>'


def _figures(folder: RunFolder, parts: Parts) -> str:
    drawn = []
    for part in parts.read("figure"):
        path = folder.path / FIGURES / f"{slug(part['name'])}.png"
        if path.is_file():
            png = base64.b64encode(path.read_bytes()).decode()
            words = part["caption"] or part["name"]
            drawn.append(figure(png, words, words, plot=part.get("plot", True)))
    return "".join(drawn)


def _options(folder: RunFolder) -> str:
    rows = [
        {
            "option": f"--{name.replace('_', '-')}",
            "value": as_typed(entry.get("value")),
            "from": entry.get("origin", ""),
        }
        for name, entry in folder.config.items()
    ]
    return table(rows) if rows else ""


def _environment(folder: RunFolder) -> str:
    facts = folder.environment
    rows = [
        {"what": name, "value": str(facts[name])} for name in ("python", "platform", "cpu", "cores") if facts.get(name)
    ]
    if facts.get("memory"):
        rows.append({"what": "memory", "value": f"{facts['memory'] / 2**30:.1f} GiB"})
    if facts.get("commit"):
        rows.append({"what": "git commit", "value": facts["commit"]})
    rows += [{"what": name, "value": version} for name, version in (facts.get("versions") or {}).items()]
    command = " ".join(str(word) for word in folder.run.get("argv") or [])
    return (table(rows) if rows else "") + (f"<pre>{escape(command)}</pre>" if command else "")
