"""Bad model files get one exception, soon, in little memory; mutated ones that or the very same network."""

import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

import forwardpass as fp
from tests.support import bad_documents, bad_files
from tests.support.mutation import mutated

CORPUS = bad_files.corpus()
GOOD = (bad_documents.NETWORK, bad_documents.RICH, bad_documents.LABELLED)


def load(content: bytes, suffix: str, folder: Path) -> fp.Module:
    path = folder / f"net{suffix}"
    path.write_bytes(content)
    return fp.load(path)


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 60
    assert len({content for _, content in CORPUS.values()}) > 0.9 * len(CORPUS)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_good_files_load(suffix: str, tmp_path: Path) -> None:
    """Or nothing else here would mean anything."""
    for network in GOOD:
        net = load(bad_files.good(suffix, network), suffix, tmp_path)
        assert fp.content_hash(net) == fp.content_hash(network)


@pytest.mark.parametrize("name", CORPUS)
def test_bad_files_are_refused(name: str, tmp_path: Path) -> None:
    suffix, content = CORPUS[name]
    tracemalloc.start()
    try:
        with pytest.raises(fp.ModelFileError, match=r"net\.(npz|safetensors): "):
            load(content, suffix, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 2 * len(content) + (64 << 20)
    assert [path.name for path in tmp_path.iterdir()] == [f"net{suffix}"]


def test_a_zip_bomb_that_lies_is_not_inflated(tmp_path: Path) -> None:
    """What it says it is, it is: nobody looks at the rest."""
    content = bad_files.lying_bomb()
    tracemalloc.start()
    try:
        net = load(content, ".npz", tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert fp.content_hash(net) == fp.content_hash(bad_documents.NETWORK)


def rewritten(members: dict[str, bytes], rng: np.random.Generator) -> bytes:
    """A zip file whose checksums are right, around one mutated member."""
    name = str(rng.choice(list(members)))
    return bad_files.zipped({**members, name: mutated(members[name], rng)}, int(rng.choice([0, 8])))


def check_mutations(count: int, folder: Path) -> None:
    rng = np.random.default_rng(0)
    good = {(suffix, net): bad_files.good(suffix, net) for suffix in (".npz", ".safetensors") for net in GOOD}
    members = {net: bad_files.unzipped(net) for net in GOOD}
    expected, same = {net: fp.content_hash(net) for net in GOOD}, 0
    for i in range(count):
        suffix, network = (".npz", ".safetensors")[i % 2], GOOD[i // 4 % 3]
        content = rewritten(members[network], rng) if i % 4 == 0 else mutated(good[suffix, network], rng)
        try:
            net = load(content, suffix, folder)
        except fp.ModelFileError:
            continue
        assert fp.content_hash(net) == expected[network]
        same += 1
    assert 0 < same < count / 2  # some hit what does not matter, the time of day in a zip file for one


@pytest.mark.filterwarnings("ignore:.*it was saved in the order of:UserWarning")  # the mutated name of an order
def test_mutations(tmp_path: Path) -> None:
    check_mutations(4000, tmp_path)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:.*it was saved in the order of:UserWarning")  # the mutated name of an order
def test_100_000_mutations(tmp_path: Path) -> None:
    check_mutations(100_000, tmp_path)


def test_a_zip_file_that_lies_about_its_sizes(tmp_path: Path) -> None:
    """The sizes in the directory, where a reader looks first, are half of what is there."""
    content = bytearray(bad_files.good(".npz"))
    with zipfile.ZipFile(tmp_path / "net.npz", "w") as archive:
        archive.writestr("a.npy", b"")
    directory = content.index(b"PK\x01\x02")
    for offset in (20, 24):  # compressed and full size
        size = int.from_bytes(content[directory + offset : directory + offset + 4], "little")
        content[directory + offset : directory + offset + 4] = (size // 2).to_bytes(4, "little")
    with pytest.raises(fp.ModelFileError):
        load(bytes(content), ".npz", tmp_path)
