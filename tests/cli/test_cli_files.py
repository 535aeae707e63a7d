"""`python -m forwardpass info | check | convert`: what they print, what they refuse."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import forwardpass as fp
from forwardpass.cli.check import measure
from tests.support import FMA_V1, Float, normal
from tests.support.networks import build_rich


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "forwardpass", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def build(dtype: Float = np.float32) -> fp.Sequential:
    return fp.Sequential(
        fp.Linear(normal(0, (65, 5), dtype), normal(1, (65,), dtype)),
        fp.ReLU(),
        fp.Sequential(fp.Linear(normal(2, (9, 65), dtype))),
    )


def test_info_of_the_machine() -> None:
    assert json.loads(run("info", "--json").stdout) == fp.show_config("dicts")
    assert "numerics contract: fma-v2" in run("info").stdout
    with pytest.raises(ValueError, match="mode"):
        fp.show_config("text")


def test_info_of_a_file(tmp_path: Path) -> None:
    fp.save(build(), tmp_path / "net.npz")
    about = json.loads(run("info", tmp_path / "net.npz", "--json").stdout)
    assert about["hash"] == fp.content_hash(build())
    assert about["parameters"] == 65 * 5 + 65 + 9 * 65
    assert [layer["parameters"] for layer in about["layers"]] == [390, 0, 585]
    text = run("info", tmp_path / "net.npz").stdout
    assert "Linear(in_features=65, out_features=9, bias=False)" in text
    assert fp.content_hash(build()) in text


def test_convert_there_and_back(tmp_path: Path) -> None:
    fp.save(build(), tmp_path / "net.npz")
    for source, target in (("net.npz", "net.safetensors"), ("net.safetensors", "again.npz")):
        done = run("convert", tmp_path / source, tmp_path / target)
        assert done.returncode == 0, done.stderr
        assert fp.content_hash(build()) in done.stdout
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "net.npz").read_bytes()


def test_convert_bare_weights(tmp_path: Path) -> None:
    np.savez(tmp_path / "bare.npz", allow_pickle=False, **build().state_dict())
    done = run("convert", tmp_path / "bare.npz", tmp_path / "net.npz", "--architecture", "5-65-9:relu")
    assert done.returncode == 0, done.stderr
    x = normal(3, (7, 5), np.float32)
    assert np.array_equal(fp.load(tmp_path / "net.npz")(x), build()(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_layer(dtype: Float, tmp_path: Path) -> None:
    fp.save(build_rich(dtype), tmp_path / "net.npz")
    checked = run("check", tmp_path / "net.npz", "--json")
    assert checked.returncode == 0, checked.stderr
    assert all(row["outside"] == 0 < row["largest_share_of_bound"] for row in json.loads(checked.stdout)["rows"])
    listed = run("info", tmp_path / "net.npz")
    assert listed.returncode == 0, listed.stderr
    for name in ("Normalize(num_features=6, clip=10.0)", "LayerNorm(normalized_shape=6, eps=0.001)", "2.inner.0 "):
        assert name in listed.stdout


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_check(dtype: Float, tmp_path: Path) -> None:
    fp.save(build(dtype), tmp_path / "net.safetensors")
    done = run("check", tmp_path / "net.safetensors")
    assert done.returncode == 0, done.stderr
    assert "answers its test input as it did when it was saved" in done.stdout
    said = json.loads(run("check", tmp_path / "net.safetensors", "--json").stdout)
    assert said["notes"] == []
    rows = said["rows"]
    assert [row["outputs"] for row in rows] == [256 * 9] * 4
    assert all(row["outside"] == 0 and 0 < row["largest_share_of_bound"] < 1 for row in rows[:3])
    assert rows[3]["outside"] == 0


def test_a_file_of_an_older_order() -> None:
    path = FMA_V1
    done = run("check", path)
    assert done.returncode == 0, done.stderr
    assert "it was saved in the order of 'fma-v1'" in done.stdout
    assert "as it did when it was saved" not in done.stdout
    assert done.stderr == ""
    (note,) = json.loads(run("check", path, "--json").stdout)["notes"]
    assert "within the error bounds of both orders" in note
    listed = run("info", path)
    assert "it was saved in the order of 'fma-v1'" in listed.stdout
    assert listed.stderr == ""


def test_check_of_numbers_that_overflow_and_are_nan() -> None:
    """No bound holds there; NaN must meet NaN all the same."""
    rows = measure(fp.Linear(np.array([[1e38] * 4, [1.0] * 4, [np.nan] * 4], np.float32)))
    assert all(row["outside"] == 0 and row["not_finite"] >= row["outputs"] // 3 for row in rows)
    assert [row["outputs"] for row in measure(fp.Linear(np.zeros((2, 0))))] == [512] * 4


@pytest.mark.parametrize("value", [1.0, np.nan])
def test_nan_on_one_side_is_seen(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    """Where nothing can have overflowed, as the bound is small."""
    layer = fp.Linear(np.array([[value]], np.float32))
    assert all(row["outside"] == 0 for row in measure(layer))
    other = fp.Linear(np.array([[np.nan if value == 1 else 1.0]], np.float32))
    monkeypatch.setattr("forwardpass.cli.check.exact", lambda net, x: other(x))
    monkeypatch.setattr("forwardpass.cli.check.error_bound", lambda net, x: np.full((len(x), 1), 1e-3))
    assert all(row["outside"] == 256 for row in measure(layer))


def test_a_network_outside_its_bound_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound of a network a thousand times as accurate."""
    bound = fp.error_bound
    monkeypatch.setattr("forwardpass.cli.check.error_bound", lambda net, x: bound(net, x) / 1000)
    assert sum(row["outside"] for row in measure(build())) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "missing.npz"), "missing.npz"),
        (("info", "net.pt"), "net.pt: expected an .npz, .safetensors, .onnx or .keras file"),
        (("check", "bad.npz"), "bad.npz: not a zip file"),
        (("convert", "bad.npz", "out.npz"), "bad.npz: not a zip file"),
        (("convert", "good.npz", "out.pt"), "expected a name that ends in"),
        (("check", "good.npz", "--architecture", "x"), "architecture"),
    ],
)
def test_what_they_refuse(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.npz").write_bytes(b"no")
    fp.save(build(), "good.npz")
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("out.npz").exists()


def test_wide_rows_are_few() -> None:
    """A norm of many features is a few bytes in a file, and must not take gigabytes here."""
    assert [row["outputs"] for row in measure(fp.LayerNorm(200_000))] == [4 * 200_000] * 4
    assert [row["outputs"] for row in measure(fp.LayerNorm(1024))] == [256 * 1024] * 4
