"""The picture of `bench --plot`: all workloads, all contestants, everything inside."""

from pathlib import Path

import pytest

from forwardpass.bench import roofline
from forwardpass.bench.contestants import CONTESTANTS
from forwardpass.bench.engine import Result
from forwardpass.bench.plot import check_target, picture, plot
from forwardpass.bench.roofline import places
from forwardpass.bench.workload import SpecError, Workload

pytest.importorskip("matplotlib")  # an extra: CI has it where it tests networks of other libraries
FACTS = {"cpu": "Some CPU", "isa": "avx2", "versions": {"numpy": "2.4", "torch": "2.13"}, "command": "python x"}
LONG = "128-[norm-256]x4-[norm-256]x4-64-64-64-64-64-64-10:leaky_relu:log_softmax"


@pytest.fixture(autouse=True)
def known_ceilings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 100 GFLOP/s and 10 GB/s."""
    monkeypatch.setattr(roofline, "operations", lambda dtype: 100e9)
    monkeypatch.setattr(roofline, "bytes_read", lambda nbytes: 10e9)


def measured(workloads: list[Workload]) -> list[Result]:
    """The contestants take from 1 us to 10 ms."""
    results = []
    for workload in workloads:
        for i, name in enumerate(CONTESTANTS):
            s = 1e-6 * 10 ** (4 * i / len(CONTESTANTS))
            results.append(Result(workload.net, workload.rows, workload.dtype, 1, name, s, 0.8 * s, 1.5 * s))
        results.append(Result(workload.net, workload.rows, workload.dtype, 1, "jax", skipped="not today"))
    return results


@pytest.mark.parametrize("count", [1, 2, 5])
def test_nothing_is_cut_off(count: int) -> None:
    nets = (LONG, "4-2", "17-64-64-6", "1024-1024", "/a/folder/of/some/length/and/then/some/more/a_model_file.onnx")
    workloads = [Workload(net, 64) for net in nets[:count] if "onnx" not in net] + [
        Workload(net, 1, "float64", Workload("4-2", 1).network()) for net in nets[:count] if "onnx" in net
    ]
    figure = picture(measured(workloads), workloads, FACTS)
    assert len(figure.axes) == count + 1  # a panel each, and the roofline
    figure.draw_without_rendering()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert 0 <= drawn.x0 <= drawn.x1 <= width
    assert 0 <= drawn.y0 <= drawn.y1 <= height
    assert "Some CPU; avx2" in figure.get_supxlabel()
    for axes in figure.axes:
        for text in axes.texts:  # beside the points, inside of their panel
            assert text.get_window_extent().x1 <= axes.bbox.x1 + 1, text


def test_every_contestant_has_its_name_and_one_of_two_colours() -> None:
    workloads = [Workload("4-2", 1)]
    panel, _ = picture(measured(workloads), workloads, FACTS).axes
    labels = panel.get_yticklabels()
    assert [label.get_text() for label in labels] == [*CONTESTANTS]
    colours = {label.get_text(): label.get_color() for label in labels}
    assert (
        colours["forwardpass"]
        == colours["forwardpass out="]
        == colours["forwardpass alone"]
        != colours["NumPy"]
        == colours["torch"]
    )
    assert panel.get_xlabel() == "us"


def test_places_under_the_roof() -> None:
    """One row of 4-2 reads 10 numbers, 4 and 2 more; 1000 rows of 64-64 multiply 4096 numbers each."""
    workloads = [Workload("4-2", 1), Workload("64-64", 1000)]
    results = [
        Result("4-2", 1, "float32", 1, "forwardpass", 64e-9),
        Result("4-2", 1, "float32", 1, "NumPy", 640e-9),
        Result("64-64", 1000, "float32", 2, "forwardpass out=", 2 * 4096e3 / 100e9),
        Result("64-64", 1000, "float32", 2, "forwardpass alone", 1e-3),
    ]
    first, second = places(results, workloads)
    assert [first.ours, first.peer, second.ours] == pytest.approx([0.1, 0.01, 0.5])
    assert (first.peer_name, first.roof) == ("NumPy", "10 GB/s")
    assert (second.peer, second.peer_name, second.roof) == (None, "", "100 GFLOP/s")


def test_the_file_is_written(tmp_path: Path) -> None:
    workloads = [Workload("4-2", 1)]
    for name in ("x.png", "x.svg"):
        check_target(str(tmp_path / name))
        plot(measured(workloads), workloads, FACTS, str(tmp_path / name))
        assert (tmp_path / name).stat().st_size > 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.png", "x.svg"]


@pytest.mark.parametrize("name", ["missing/x.png", "x.txt", "x", ".", "folder.png/x.png"])
def test_a_target_that_cannot_be_written(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match="--plot"):
        check_target(name)
