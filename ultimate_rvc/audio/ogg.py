"""An Ogg file's serial number, made the same for every file: libsndfile draws it at random, so that no two writes of
the same sound would be the same bytes.

A page carries its serial number in bytes 14 to 17 and the checksum of itself in bytes 22 to 25 (RFC 3533). A checksum
is linear: what a changed number does to it depends only on how many bytes follow.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

CAPTURE = b"OggS"
HEADER_BYTES = 27
SERIAL, CHECKSUM, SEGMENTS = slice(14, 18), slice(22, 26), 26
LONGEST_PAGE_BYTES = HEADER_BYTES + 255 + 255 * 255
POLYNOMIAL = 0x04C11DB7
SERIAL_NUMBER = b"urvc"


def fix_serial(path: Path) -> None:
    """Gives every page of the file, which holds one stream, SERIAL_NUMBER. Raises OSError."""
    with path.open("r+b") as file:
        effects: list[int] = []
        for start, header, length in _pages(file):
            effects = effects or _effects(header[SERIAL])
            checksum = int.from_bytes(header[CHECKSUM], "little") ^ effects[length - SERIAL.stop]
            file.seek(start + SERIAL.start)
            file.write(SERIAL_NUMBER)
            file.seek(start + CHECKSUM.start)
            file.write(checksum.to_bytes(4, "little"))


def _pages(file: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    """Start, header and length in bytes of each page; ends where the file does, or stops being Ogg."""
    start = 0
    while len(header := _at(file, start, HEADER_BYTES)) == HEADER_BYTES and header.startswith(CAPTURE):
        segments = file.read(header[SEGMENTS])
        length = HEADER_BYTES + len(segments) + sum(segments)
        yield start, header, length
        start += length


def _at(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


def _effects(serial: bytes) -> list[int]:
    """What changing this serial number to ours changes in a checksum, by the number of bytes that follow it."""
    change = bytes(old ^ new for old, new in zip(serial, SERIAL_NUMBER, strict=True))
    table = [_shifted(byte << 24, 8) for byte in range(256)]
    register = 0
    for byte in change:
        register = _next(register, byte, table)
    effects = [register]
    for _ in range(LONGEST_PAGE_BYTES - SERIAL.stop):
        effects.append(_next(effects[-1], 0, table))
    return effects


def _next(register: int, byte: int, table: list[int]) -> int:
    return (register << 8) & 0xFFFFFFFF ^ table[(register >> 24) ^ byte]


def _shifted(register: int, bits: int) -> int:
    for _ in range(bits):
        register = (register << 1) ^ (POLYNOMIAL if register & 0x80000000 else 0)
        register &= 0xFFFFFFFF
    return register
