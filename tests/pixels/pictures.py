"""Small pictures of every kind, whole and forged."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from onecycle.pixels.decode import Decoded, decode

NOISE = np.random.default_rng(0).integers(0, 256, (18, 22, 3), dtype=np.uint8)
RAMP = np.repeat(np.arange(0, 250, 10, dtype=np.uint8)[None], 20, axis=0)  # [20, 25]
OTHER = Image.fromarray(255 - NOISE)
MOVING = {"save_all": True, "append_images": [OTHER]}
KINDS = {
    "baseline JPEG": ("JPEG", {}),
    "progressive JPEG": ("JPEG", {"progressive": True}),
    "CMYK JPEG": ("JPEG", {}),
    "PNG": ("PNG", {}),
    "GIF": ("GIF", {}),
    "animated GIF": ("GIF", MOVING),
    "BMP": ("BMP", {}),
    "WebP": ("WEBP", {}),
    "lossless WebP": ("WEBP", {"lossless": True}),
    "animated WebP": ("WEBP", MOVING),
    "TIFF": ("TIFF", {}),
    "LZW TIFF": ("TIFF", {"compression": "tiff_lzw"}),
    "deflate TIFF": ("TIFF", {"compression": "tiff_deflate"}),
    "JPEG TIFF": ("TIFF", {"compression": "jpeg"}),
    "PPM": ("PPM", {}),
}


def encoded(kind: str) -> bytes:
    image = Image.fromarray(NOISE).convert("CMYK" if "CMYK" in kind else "RGB")
    stream = io.BytesIO()
    name, options = KINDS[kind]
    image.save(stream, name, **options)
    return stream.getvalue()


def put(folder: Path, name: str, image, **options) -> Path:
    if isinstance(image, bytes):
        (folder / name).write_bytes(image)
    else:
        image = image if isinstance(image, Image.Image) else Image.fromarray(image)
        image.save(folder / name, **options)
    return folder / name


def good(file: Path, size: int | None = None, channels: int = 3) -> Decoded:
    found = decode(file, size, channels)
    assert isinstance(found, Decoded), found
    return found


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, *more: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1 + min(width, 1 << 20))))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + body + chunk(b"IEND", b"")


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + encoded("GIF")[10:]


def npy(shape: tuple[int, ...], content: bytes = b"", dtype: str = "|u1") -> bytes:
    header = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n" + content
