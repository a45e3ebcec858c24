"""Reads archives as their users do, with h5py and pandas, and checks what is found.

Usage: read_with_h5py.py ARCHIVE...   (archives of the sample record of five layers)
"""

import math
import sys

try:
    import h5py
    import pandas
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

try:
    import xxhash
except ImportError:
    xxhash = None

for path in sys.argv[1:]:
    # The five lines of docs/archive-format.md.
    with h5py.File(path) as f:
        layers = pandas.DataFrame(f["layers"][:])
        name = layers["name"].str.decode("utf-8")
        begin, end = f["spectra/offset"][2:4]
        sigma = f["spectra/sigma"][begin:end]

        assert f.attrs["wishart"] == b"checkpoint", f.attrs["wishart"]
        assert f.attrs["schema_version"] in (1, 2, 3)
        assert f.attrs["step"] == 10 and f.attrs["loss"] == 2.5 and math.isnan(f.attrs["eval_loss"])
        assert f.attrs["checkpoint_path"].decode() == "/data/größe/step-10"
        assert len(layers) == 5 and list(layers.columns[:3]) == ["layer_id", "name", "D"]
        assert name[2] == "name.2002", name[2]
        assert layers["longname"].str.decode("utf-8")[0] == "模型.слой.0.größe 🌊"
        assert f["layers"].dtype["has_esd"] == bool, f["layers"].dtype["has_esd"]
        assert layers["has_esd"].tolist() == [True, False, True, False, True]
        assert layers["alpha"].isna().tolist() == [True] + [False] * 4
        assert layers["D"][0] == math.inf and layers["xmin"][0] == -math.inf
        assert layers["num_params"][0] == 2**63 - 1
        assert sigma.dtype == "<f8" and sigma.tolist() == [2 + 1 / (6 - k) for k in range(5)]
        assert len(f["skipped"]) == 3 and len(f["summary"]) == 4 and len(f["files"]) == 2
        for dataset in [f[n] for n in ("layers", "skipped", "summary", "files")] + list(
            f["spectra"].values()
        ):
            assert dataset.fletcher32 and dataset.shuffle and dataset.compression == "gzip", dataset
        if "traps" in f:  # not in the archives that are kept of earlier versions
            traps = pandas.DataFrame(f["traps"][:])
            assert list(traps.columns[:6]) == ["layer_id", "name", "key", "order", "view", "trap_index"]
            assert traps["key"].str.decode("utf-8")[1] == "key.1003" and traps["trap_q"][2] == 2 + 0.1 * 13
        # The hashes of docs/archive-format.md, where the library for them is there.
        if "content_hashes" in f.attrs and xxhash:
            lines = f.attrs["content_hashes"].decode().splitlines()
            hashes = {name: digits for digits, name in (line.split(" ", 1) for line in lines)}
            for name in [n for n in hashes if n.startswith("/")]:
                data = f[name]
                columns = b"".join(c.encode() + b"\0" for c in data.dtype.names or ())
                found = xxhash.xxh3_128_hexdigest(columns + data[:].tobytes())
                assert found == hashes.pop(name), name
            assert len(hashes) > 25 and all(n.startswith("attribute ") for n in hashes), hashes
    print(f"{path}: read")
