"""Broken, slow, colliding and outdated plugins, met on the command line: the rest goes on working."""

import time

import pytest

pytestmark = pytest.mark.backend_free

SOUND = '''
from kerasarch.recipe import Run, recipe

@recipe(task="testing")
def sound(run: Run):
    """A recipe with nothing wrong."""
'''


def point(name, module, attribute="sound"):
    return {"recipes": {name: f"{module}:{attribute}"}}


def test_slow_and_broken_plugins_do_not_hold_up_the_list(site):
    site.install("sound-plugin", point("sound", "sound_one"), {"sound_one.py": SOUND})
    site.install("slow-plugin", point("slow", "slow_one"), {"slow_one.py": "import time; time.sleep(60)\n" + SOUND})
    site.install("broken-plugin", point("broken", "broken_one"), {"broken_one.py": "import no_such_module\n" + SOUND})
    site.install("garbled-plugin", point("garbled", "garbled_one"), {"garbled_one.py": "def ("})
    site.install("absent-plugin", point("absent", "absent_one"), {})
    start = time.monotonic()
    ended = site.kerasarch("list")
    assert time.monotonic() - start < 20  # far below the slow plugin's minute, however busy the machine is
    assert ended.returncode == 0, ended.stderr
    assert "A recipe with nothing wrong (from sound-plugin 1.0)" in " ".join(ended.stdout.split())
    for name in ("sound", "slow", "broken", "garbled"):
        assert name in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("module", "cause"),
    [
        ("import no_such_module\n", "no_such_module"),
        ("import keras\n", "imports keras at module level"),
        ("raise RuntimeError('not today')\n", "RuntimeError: not today"),
    ],
)
def test_broken_plugin_is_named_with_its_cause(site, module, cause):
    site.install("broken-plugin", point("broken", "broken_one"), {"broken_one.py": f"{module}{SOUND}"})
    for words in (("show", "broken"), ("run", "broken", "--help"), ("copy", "broken")):
        ended = site.kerasarch(*words)
        assert ended.returncode == 4, (words, ended.stdout)
        assert "broken-plugin 1.0" in ended.stderr
        assert cause in ended.stderr
        assert "Traceback" not in ended.stderr
        assert len(ended.stderr.strip().splitlines()) == 1
    assert not (site.folder / "runs").exists()


def test_outdated_plugin_says_which_side_to_update(site):
    newer = SOUND.replace('task="testing"', 'task="testing", api=99')
    site.install("future-plugin", point("future", "future_one"), {"future_one.py": newer})
    ended = site.kerasarch("run", "future")
    assert ended.returncode == 4
    assert "version 99 of the recipe contract" in ended.stderr
    assert "update kerasarch" in ended.stderr


def test_colliding_plugins_need_their_distribution(site):
    for number in ("one", "two"):
        site.install(f"plugin-{number}", point("same", f"same_{number}"), {f"same_{number}.py": SOUND})
    ended = site.kerasarch("show", "same")
    assert ended.returncode == 2
    assert "plugin-one:same, plugin-two:same" in ended.stderr
    assert site.kerasarch("show", "plugin-two:same").returncode == 0
    assert "plugin-one:same" in site.kerasarch("list").stdout


def test_a_built_in_name_is_reserved(site):
    site.install("thief", point("transfer-resnet", "thief_one"), {"thief_one.py": SOUND})
    ended = site.kerasarch("list")
    assert "thief:transfer-resnet" in ended.stdout


def test_plugins_can_be_turned_off(site):
    site.install("sound-plugin", point("sound", "sound_one"), {"sound_one.py": SOUND})
    ended = site.kerasarch("show", "sound", environment={"KERASARCH_PLUGINS": "none"})
    assert ended.returncode == 2
    assert "no recipe is called sound" in ended.stderr


def test_a_layer_without_examples_and_an_unknown_name(site):
    site.install("bare-plugin", {"layers": {"Bare": "bare_one:Bare"}}, {"bare_one.py": "class Bare:\n    pass\n"})
    ended = site.kerasarch("test", "Barr")
    assert ended.returncode == 2
    assert "Did you mean Bare or bart?" in ended.stderr
