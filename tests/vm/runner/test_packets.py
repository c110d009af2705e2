"""Packets as people give them: hex, a form, capture files; and what is said about those that are none."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm.errors import InputError
from vm.runner import packets

FRAME = bytes(12) + b"\x08\x00" + bytes(46)


def test_hex_in_many_spellings() -> None:
    want = bytes(range(16))
    for text in (want.hex(), want.hex(" "), want.hex(":").upper(), ", ".join(f"0x{b:02x}" for b in want)):
        assert packets.from_hex(text) == want


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The packet is empty"),
        ("00 11 2", "odd number"),
        ("00" * 13, "13 bytes; it needs at least 14"),
        ("00zz", "'z' (character 3) is no hex digit"),
        ("00" * 65536, "65536 bytes; the most is 65535"),
        ("0" * 10_000_000, "characters"),
    ],
)
def test_bad_hex(text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        packets.from_hex(text)
    assert said in error.value.message


def pcap(*frames: bytes, order: str = "<", link: int = 1, magic: int = 0xA1B2C3D4) -> bytes:
    head = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, link)
    return head + b"".join(struct.pack(order + "IIII", 0, 0, len(f), len(f)) + f for f in frames)


def pcapng(*frames: bytes) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        length = len(body) + 12
        return struct.pack("<II", kind, length) + body + struct.pack("<I", length)

    data = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 0))
    return data + b"".join(block(6, struct.pack("<IIIII", 0, 0, 0, len(f), len(f)) + f) for f in frames)


def test_captures() -> None:
    frames = [FRAME, FRAME + b"x"]
    for data in (pcap(*frames), pcap(*frames, order=">"), pcap(*frames, magic=0xA1B23C4D), pcapng(*frames)):
        assert packets.from_pcap(data) == frames
    assert packets.from_pcap(pcap(b"\x45" + bytes(19), link=101)) == [bytes(12) + b"\x08\x00\x45" + bytes(19)]
    assert len(packets.from_pcap(pcap(*[FRAME] * 2000))) == packets.MAX_PCAP_PACKETS


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "This is no pcap file"),
        (b"MZ" + bytes(100), "This is no pcap file"),
        (pcap()[:20], "ends inside its header"),
        (pcap(FRAME)[:-1], "cut off"),
        (pcap(), "no packet that could be run"),
        (pcap(FRAME, link=105), "802.11"),
        (pcapng(FRAME)[:60], "damaged"),
    ],
)
def test_bad_captures(data: bytes, said: str) -> None:
    with pytest.raises(InputError) as error:
        packets.from_pcap(data)
    assert said in error.value.message


@given(st.binary(max_size=200), st.integers(0, 300))
def test_flipped_captures_raise_nothing_else(noise: bytes, at: int) -> None:
    for whole in (pcap(FRAME, FRAME), pcapng(FRAME, FRAME)):
        with contextlib.suppress(InputError):
            packets.from_pcap(whole[:at] + noise + whole[at + len(noise) :])


def test_forms() -> None:
    form = {"eth": {"dst": "02:00:00:00:00:09"}, "ip": {"src": "10.0.0.1", "dst": "10.0.0.2", "ttl": "5"},
            "tcp": {"dport": 80, "flags": "sa"}, "payload": "hi"}  # fmt: skip
    data = packets.from_form(form)
    assert data[:6] == bytes.fromhex("020000000009")
    assert (data[22], data[26:30], data[36:38]) == (5, bytes([10, 0, 0, 1]), b"\0\x50")
    assert (data[47], data[-2:]) == (0x12, b"hi")
    assert sum(struct.unpack(">10H", data[14:34])) % 0xFFFF == 0
    six = packets.from_form({"ipv6": {"src": "::1", "dst": "::2"}, "udp": {"dport": 53}, "payload": {"hex": "0a0b"}})
    assert (six[12:14], six[20], six[-2:]) == (b"\x86\xdd", 17, b"\x0a\x0b")
    assert len(packets.from_form({"eth": {}})) == 14
    assert packets.from_form({"vlan": {"id": 5}, "ip": {}, "icmp": {}})[12:16] == b"\x81\x00\x00\x05"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"eth": {"src": "nonsense"}}, "eth.src: 'nonsense' is no Ethernet address"),
        ({"ip": {"src": "::1"}}, "ip.src: '::1' is no IPv4 address"),
        ({"ip": {"src": 7}}, "no IPv4 address"),
        ({"ip": {"ttl": 300}}, "ip.ttl: 300 is outside 0 to 255"),
        ({"ip": {"len": 5}}, "ip has no field 'len'"),
        ({"ip": {}, "ipv6": {}}, "not both"),
        ({"tcp": {}, "udp": {}}, "one transport header"),
        ({"tcp": {"flags": "XYZ"}}, "tcp.flags"),
        ({"ip": "x"}, "must hold fields"),
        ({"bogus": {}}, "no part 'bogus'"),
        ({"payload": 5}, "payload must be"),
        ({"ip": {}, "udp": {}, "payload": "x" * 70000}, "packet"),
    ],
)
def test_bad_forms(form: dict[str, object], said: str) -> None:
    with pytest.raises(InputError) as error:
        packets.from_form(form)
    assert said in error.value.message
