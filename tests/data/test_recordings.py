"""Sound files of every kind, folders of them, tones of telephone keys: against scipy, bytes by hand, and sines."""

import struct

import numpy as np
import pytest
import scipy.io.wavfile

from kerasarch.data import load_recordings, read_wave
from kerasarch.data.dial_tones import dial_tones
from kerasarch.errors import DataError, UsageError

pytestmark = pytest.mark.backend_free
RNG = np.random.default_rng(0)
VALUES = RNG.uniform(-1, 1, (50, 2))
EXTENSIBLE = bytes.fromhex("0100000000001000800000aa00389b71")  # PCM as a globally unique identifier


def riff(body, kind, bits, channels=2, rate=8000, extra=b"", before=b"", size=None):
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits) + extra
    size = len(body) if size is None else size
    parts = before + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size) + body
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WAVE" + parts


def whole(bits):
    numbers = np.round(VALUES * (2 ** (bits - 1) - 1)).astype("int64")
    if bits == 8:
        return (numbers + 128).astype("uint8").tobytes(), numbers / 128
    body = b"".join(int(number).to_bytes(bits // 8, "little", signed=True) for number in numbers.ravel())
    return body, numbers / 2 ** (bits - 1)


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_whole_numbers(bits, tmp_path):
    body, expected = whole(bits)
    extension = struct.pack("<HHI", 22, bits, 3) + EXTENSIBLE
    for content in (
        riff(body, 1, bits),
        riff(body, 1, bits, before=b"LIST" + struct.pack("<I", 3) + b"abc\0"),  # a part of odd length before
        riff(body, 0xFFFE, bits, extra=extension),
        riff(body, 1, bits, size=0xFFFFFFFF),  # written to a pipe
    ):
        (tmp_path / "a.wav").write_bytes(content)
        found, rate = read_wave(tmp_path / "a.wav")
        assert (rate, found.dtype) == (8000, np.float32)
        np.testing.assert_allclose(found, expected.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("kind", ["float32", "float64", "int16"])
def test_files_that_scipy_writes(kind, tmp_path):
    values = (VALUES[:, 0] * 30000).astype("int16") if kind == "int16" else VALUES[:, 0].astype(kind)
    scipy.io.wavfile.write(tmp_path / "a.wav", 16000, values)
    found, rate = read_wave(tmp_path / "a.wav")
    np.testing.assert_allclose(found, values / (32768 if kind == "int16" else 1), atol=1e-6)
    assert rate == 16000


def test_another_rate(tmp_path):
    for given in (16000, 11025):
        times = np.arange(given) / given
        scipy.io.wavfile.write(tmp_path / "a.wav", given, np.sin(2 * np.pi * 440 * times).astype("float32"))
        found, rate = read_wave(tmp_path / "a.wav", 8000)
        assert (rate, len(found), found.dtype) == (8000, 8000, np.float32)
        expected = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
        np.testing.assert_allclose(found[200:-200], expected[200:-200], atol=5e-3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"RIFF", "is no WAV file"),
        (b"ID3\x04 not a sound file", "is no WAV file"),
        (riff(whole(16)[0][:-9], 1, 16, size=200), "is cut off: 191 of 200 bytes"),
        (riff(whole(16)[0], 1, 16)[:50][:40], "is cut off"),
        (riff(b"\0" * 8, 7, 8), "Received format 7 of 8 bits"),
        (riff(b"", 1, 16), "holds no sound"),
        (riff(np.array([np.nan] * 2, "<f4").tobytes(), 3, 32), "not finite"),
        (b"RIFF\0\0\0\0WAVEdata\x02\0\0\0\0\0", "nothing before its sound"),
    ],
)
def test_what_is_no_sound(content, message, tmp_path):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_wave(tmp_path / "a.wav")
    with pytest.raises(DataError, match="cannot be read"):
        read_wave(tmp_path / "none.wav")


def write(path, seed=0, length=40, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.wavfile.write(path, rate, (np.random.default_rng(seed).normal(size=length) * 3000).astype("int16"))


def test_folders_of_classes(tmp_path, caplog):
    for place, word in enumerate(("yes", "no")):
        for number in range(10):
            write(tmp_path / word / f"{number}.wav", seed=10 * place + number, length=40 + number, rate=16000)
    (tmp_path / "no" / "cut.wav").write_bytes((tmp_path / "no" / "0.wav").read_bytes()[:60])
    write(tmp_path / "_noise_" / "hum.wav")
    found = load_recordings(tmp_path, validation=0.2, test=0.2)
    assert found.classes == ("no", "yes")
    assert [len(part) for part in (found.train, found.validation, found.test)] == [12, 4, 4]
    assert "cut.wav: is cut off" in found.skipped[0]
    assert "skipped 1 of its files" in caplog.text
    part = found.train
    assert [len(part.wave(place)) for place in range(12)] == part.lengths.tolist()
    assert sorted(np.bincount(part.labels)) == [6, 6]
    with pytest.raises(DataError, match=r"cut\.wav.*without strict"):
        load_recordings(tmp_path, strict=True)


def test_parts_of_ones_own(tmp_path):
    for part, count in (("train", 6), ("val", 2), ("test", 1)):
        for word in ("b", "a"):
            for number in range(count):
                write(tmp_path / part / word / f"{number}.wav", seed=number)
    found = load_recordings(tmp_path)
    assert [len(part) for part in (found.train, found.validation, found.test)] == [12, 4, 2]
    write(tmp_path / "test" / "c" / "0.wav")
    with pytest.raises(DataError, match="the test part has classes that training does not: c"):
        load_recordings(tmp_path)


def test_lists_of_the_speech_commands(tmp_path):
    for word in ("down", "up"):
        for number in range(8):
            write(tmp_path / word / f"{number}.wav", seed=number)
    (tmp_path / "validation_list.txt").write_text("down/0.wav\nup/3.wav\n")
    (tmp_path / "testing_list.txt").write_text("down/1.wav\nup/2.wav\nup/4.wav\n")
    found = load_recordings(tmp_path)
    assert [len(part) for part in (found.train, found.validation, found.test)] == [11, 2, 3]
    assert found.test.names == ("1.wav", "2.wav", "4.wav")


def test_names_of_digits_and_speakers(tmp_path):
    for digit in (1, 0):
        for number in range(8):
            write(tmp_path / "recordings" / f"{digit}_ann_{number}.wav", seed=10 * digit + number)
    found = load_recordings(tmp_path, validation=0.34)
    assert found.classes == ("zero", "one")
    assert sorted(found.test.names) == [f"{digit}_ann_{number}.wav" for digit in (0, 1) for number in range(5)]
    assert (len(found.train), len(found.validation)) == (4, 2)


def test_what_holds_no_recordings(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'dial-tones'"):
        load_recordings("dial-tone")
    with pytest.raises(DataError, match=r"holds no \.wav files"):
        load_recordings(tmp_path)
    write(tmp_path / "one" / "0.wav")
    with pytest.raises(DataError, match="two classes or more"):
        load_recordings(tmp_path)
    with pytest.raises(UsageError, match="made at 8000"):
        load_recordings("dial-tones", rate=16000)


def test_keys_have_the_tones_of_the_standard():
    """By Fourier's transform: the loudest low and high frequencies are those of the digit's row and column."""
    found = dial_tones(count=4, seed=1)
    again = dial_tones(count=4, seed=1)
    tones = {
        "one": (697, 1209), "two": (697, 1336), "three": (697, 1477), "four": (770, 1209), "five": (770, 1336),
        "six": (770, 1477), "seven": (852, 1209), "eight": (852, 1336), "nine": (852, 1477), "zero": (941, 1336),
    }  # fmt: skip
    for place in range(len(found)):
        wave = found.wave(place)
        np.testing.assert_array_equal(wave, again.wave(place))
        energy = np.abs(np.fft.rfft(wave, 16000))  # half a Hz a place
        low, high = energy[1300:2050].argmax() / 2 + 650, energy[2300:3050].argmax() / 2 + 1150
        for heard, tone in zip((low, high), tones[found.classes[found.labels[place]]], strict=True):
            assert abs(heard / tone - 1) < 0.025
