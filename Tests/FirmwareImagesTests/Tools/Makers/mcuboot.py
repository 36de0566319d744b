"""Makes MCUboot images with imgtool, damages them, and writes imgtool's own verdict on each.

usage: mcuboot.py FOLDER SEED      (Python of the environment in which imgtool is installed)

FOLDER/verdicts.json: [{"file", "key" (PEM file or null), "fit", "about"}]
"""
import contextlib
import io
import json
import os
import pathlib
import random
import struct
import sys

from click.testing import CliRunner
from imgtool import image as imgtool_image
from imgtool import keys as imgtool_keys
from imgtool.main import imgtool

folder = pathlib.Path(sys.argv[1])
chance = random.Random(int(sys.argv[2]))
os.chdir(folder)
verdicts = []


def run(*arguments: str) -> None:
    result = CliRunner().invoke(imgtool, [str(argument) for argument in arguments])
    if result.exit_code != 0:
        raise SystemExit(f"imgtool {arguments}: {result.output} {result.exception}")


def verdict(file: str, key: str | None) -> bool:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            loaded = imgtool_keys.load(key) if key else None
            return imgtool_image.Image.verify(file, loaded)[0] == imgtool_image.VerifyResult.OK
    except Exception:
        return False


def judge(file: str, key: str | None, about: str) -> None:
    verdicts.append({"file": file, "key": key and key.replace(".pem", ".pub.pem"), "fit": verdict(file, key), "about": about})


for kind in ["rsa-2048", "rsa-3072", "ecdsa-p256", "ecdsa-p384", "ed25519", "x25519"]:
    run("keygen", "-k", f"{kind}.pem", "-t", kind)
    run("getpub", "-k", f"{kind}.pem", "-e", "pem", "-o", f"{kind}.pub.pem")
run("keygen", "-k", "stranger.pem", "-t", "ed25519")
run("getpub", "-k", "stranger.pem", "-e", "pem", "-o", "stranger.pub.pem")
pathlib.Path("body").write_bytes(chance.randbytes(chance.randrange(1, 5000)))
pathlib.Path("text").write_bytes(b"this compresses well, " * 200)
pathlib.Path("nothing").write_bytes(b"")

every = ["rsa-2048", "rsa-3072", "ecdsa-p256", "ecdsa-p384", "ed25519"]
recipes = [(key, ["-v", "1.2.3+4"], "body") for key in [*every, None]]
recipes += [(key, ["-v", "0.0.0", "--public-key-format", "full"], "body") for key in every]
recipes += [("ecdsa-p256", ["-v", "1.0.0", "--pad", option, "--align", str(align)], "body")
            for align, option in [(1, "--confirm"), (2, "--test"), (4, "--confirm"), (8, "--confirm"), (16, "--confirm"), (32, "--test")]]
recipes += [
    ("ecdsa-p256", ["-v", "1.0.0", "--pad-sig"], "body"), ("ecdsa-p384", ["-v", "1.0.0", "--pad-sig"], "body"),
    ("ed25519", ["-v", "1.0.0", "--sha", "512"], "body"), ("ed25519", ["-v", "1.0.0", "--pure"], "body"),
    (None, ["-v", "1.0.0", "--sha", "384"], "body"), (None, ["-v", "1.0.0", "--sha", "512"], "body"),
    ("ed25519", ["-v", "255.255.65535+4294967295", "-s", "auto", "-d", "(1,1.2.3),(2,0.0.1+9)", "--boot-record", "APP", "--vid", "example.com",
                 "--cid", "badge", "--custom-tlv", "0x00a0", "v1.0", "--custom-tlv", "0x01b7", "0x1234"], "body"),
    ("ecdsa-p256", ["-v", "1.0.0", "--pad", "--overwrite-only"], "body"), ("ecdsa-p256", ["-v", "1.0.0", "--pad", "-R", "0"], "body"),
    ("ecdsa-p256", ["-v", "1.0.0", "-e", "big"], "body"), ("ecdsa-p256", ["-v", "1.0.0", "--non-bootable"], "body"),
    ("rsa-2048", ["-v", "1.0.0", "-L", "0x20000000"], "body"), ("rsa-2048", ["-v", "1.0.0", "-F", "0x8000"], "body"),
    ("ed25519", ["-v", "1.0.0", "-H", "0x200"], "body"), ("rsa-3072", ["-v", "1.0.0", "-H", "0x400"], "body"),
    ("ed25519", ["-v", "1.0.0", "--compression", "lzma2"], "text"), ("ed25519", ["-v", "1.0.0", "--compression", "lzma2armthumb"], "text"),
    ("ed25519", ["-v", "1.0.0", "-E", "x25519.pub.pem"], "body"), ("ecdsa-p256", ["-v", "1.0.0", "-E", "ecdsa-p256.pub.pem", "--encrypt-keylen", "256"], "body"),
    ("rsa-2048", ["-v", "1.0.0", "-E", "rsa-2048.pub.pem"], "body"), ("ecdsa-p256", ["-v", "1.0.0", "-E", "ecdsa-p256.pub.pem", "--clear"], "body"),
    ("ed25519", ["-v", "0.0.0"], "nothing"), (None, ["-v", "0.0.0"], "nothing"),
]

number = 0
for key, options, source in recipes:
    file = f"{number}.bin"
    number += 1
    header = [] if "-H" in options else ["-H", "0x20"]
    align = [] if "--align" in options else ["--align", "8"]
    run("sign", *header, "--pad-header", "-S", "0x10000", "-M", "16", *align, *(["-k", f"{key}.pem"] if key else []), *options, source, file)
    about = f"{key} {' '.join(options)}"
    judge(file, f"{key}.pem" if key else None, about)
    judge(file, None, about + ", without key")
    judge(file, "stranger.pem", about + ", another key")
    good = pathlib.Path(file).read_bytes()
    magic, _, header_size, _, size = struct.unpack("<IIHHI", good[:16])
    if magic != 0x96F3B83D:
        continue
    offset = header_size + size
    places = [offset, offset + 2]
    while True:
        magic, total = struct.unpack("<HH", good[offset:offset + 4])
        entry = offset + 4
        while entry < offset + total:
            length = struct.unpack("<H", good[entry + 2:entry + 4])[0]
            places += [entry, entry + 2, entry + 3, entry + 4, entry + 3 + length]
            entry += 4 + length
        offset += total
        if magic == 0x6907:
            break
        places += [offset, offset + 2]
    end = offset
    damages = [("flip", place) for place in range(32)] + [("flip", place) for place in places] + [("cut", place) for place in [*places, header_size, end - 1]]
    damages += [("flip", chance.randrange(end)) for _ in range(8)] + [("tail", 0), ("ones", 0)]
    for kind, place in chance.sample(damages, min(len(damages), 16)):
        bad = bytearray(good)
        if kind == "flip":
            bad[place] ^= 1 << chance.randrange(8)
        elif kind == "cut":
            bad = bad[:place]
        else:
            bad += b"garbage!" if kind == "tail" else b"\xff" * 100
        file = f"{number}.bin"
        number += 1
        pathlib.Path(file).write_bytes(bad)
        judge(file, f"{key}.pem" if key else None, f"{about}, {kind} at {place:#x}")

pathlib.Path("verdicts.json").write_text(json.dumps(verdicts))
