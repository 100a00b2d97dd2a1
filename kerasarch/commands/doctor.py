"""``kerasarch doctor``: what is installed here and what works, without importing it unless asked to."""

import click

from kerasarch.commands import console


@click.command(short_help="Check versions, backends, devices, plugins and disk")
@click.option("--probe", is_flag=True, help="Import each backend and plugin, each in a process of its own.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, probe: bool, as_json: bool) -> None:
    """Check versions, backends, devices, plugins and disk.

    Without --probe nothing is imported: what is said of a plugin then comes from its source text.

    The exit code is 3 when no backend is installed or one fails, else 4 when a plugin is broken.
    """
    from kerasarch.commands import diagnosis

    found = diagnosis.examine(probe)
    if as_json:
        console.say_json(found)
    else:
        _say(found)
    ctx.exit(diagnosis.exit_code(found))


def _say(found: dict) -> None:
    def section(title: str, rows: list[tuple[str, str]]) -> None:
        console.say()
        console.say(console.heading(title))
        wide = max(len(title) for title, _ in rows) if rows else 0
        console.say(console.definitions([(term.ljust(max(wide, 12)), text) for term, text in rows]))

    machine = found["machine"]
    console.say(console.heading(f"kerasarch {found['kerasarch']['version']}") + f"  {found['kerasarch']['path']}")
    cores = "1 core" if machine["cores"] == 1 else f"{machine['cores']} cores"
    console.say(f"Python {machine['python']}, {machine['system']}, {cores}, {_memory(machine)}")
    section(
        "Packages", [(name, version or console.dim("not installed")) for name, version in found["packages"].items()]
    )
    section("Backends", [(name, _backend(facts)) for name, facts in found["backends"].items()])
    gpus = found["gpus"]
    console.say("  " + ("GPUs:" if gpus else console.dim("no NVIDIA GPU is visible to its driver's tool nvidia-smi")))
    for gpu in gpus:
        console.say(f"    {gpu}")
    if found["plugins"]:
        section("Plugins", [(plugin["name"], _plugin(plugin)) for plugin in found["plugins"]])
        for plugin in found["plugins"]:
            for problem in plugin["problems"]:
                console.say(console.wrap(problem, indent="    ", first="  " + console.bad("! ")))
    else:
        section("Plugins", [("none", "publish your own: kerasarch new NAME")])
    section("Folders", [(name, _folder(facts)) for name, facts in found["folders"].items()])
    if not found["probed"]:
        console.say()
        console.say(console.dim("Nothing was imported. To see whether it all works: kerasarch doctor --probe"))


def _memory(machine: dict) -> str:
    return f"{console.size(machine['memory'])} memory" if machine["memory"] else "memory unknown"


def _backend(facts: dict) -> str:
    if facts["version"] is None:
        return console.dim(f"not installed: {facts['install']}")
    text = facts["version"] + (", the default here" if facts["default"] else "")
    if facts["problem"]:
        return f"{text}, {console.bad('fails')}: {facts['problem']}"
    if facts["devices"] is not None:
        works = f"works on {', '.join(facts['devices'])}; imported in {console.seconds(facts['seconds'])}"
        return f"{text}, {console.good(works)}"
    return text


def _plugin(plugin: dict) -> str:
    counts = [f"{count} {kind if count > 1 else kind[:-1]}" for kind, count in plugin["offers"].items() if count]
    return f"{plugin['version']}, {', '.join(counts)}" + (
        "" if plugin["allowed"] else ", kept out by KERASARCH_PLUGINS"
    )


def _folder(facts: dict) -> str:
    if not facts["writable"]:
        return f"{facts['path']}, {console.bad('not writable')}"
    held = f", {console.size(facts['bytes'])} in it" if facts["bytes"] is not None else ", not there yet"
    return f"{facts['path']}{held}, {console.size(facts['free'])} free on its disk"
