#!/usr/bin/env python3
"""Writes what stands in for an update package of a cellular module: a zip with stored members, `fota.txt` and `payload.bin`
(Emulators/CellularModule/Update/UpdatePackage.swift). The vendor's own form is not documented; an emulated module takes this one.

usage: dfota.py OUT BASE TARGET [SUB_VERSION [SUB_EDITION]]

BASE and TARGET are versions as ATI says them, such as RG500QEAAAR11A06M4G. The same arguments give the same bytes.
"""
import hashlib
import sys
import zipfile
import zlib

SIZE = 24 * 1024


def payload(base: str, target: str) -> bytes:
    out = b""
    number = 0
    while len(out) < SIZE:
        out += hashlib.sha256(f"{base} to {target} {number}".encode()).digest()
        number += 1
    return out[:SIZE]


def main() -> None:
    if not 4 <= len(sys.argv) <= 6:
        sys.exit(__doc__)
    out, base, target = sys.argv[1:4]
    sub_version = sys.argv[4] if len(sys.argv) > 4 else "01.001.01.001"
    sub_edition = sys.argv[5] if len(sys.argv) > 5 else "V01"
    body = payload(base, target)
    lines = [
        "lab-fota=1", f"model={target[:8]}", f"base={base}", f"target={target}", f"target_sub={sub_version}", f"sub_edition={sub_edition}",
        f"space={2 * len(body)}", f"payload={len(body)}", f"payload_crc32={zlib.crc32(body):08x}",
    ]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as package:
        # A fixed date, 1980-01-01, keeps the bytes the same.
        package.writestr(zipfile.ZipInfo("fota.txt"), "\n".join(lines) + "\n")
        package.writestr(zipfile.ZipInfo("payload.bin"), body)


main()
