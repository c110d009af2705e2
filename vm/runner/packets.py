"""Packets from the user's input: hex digits, a form's fields, a capture file."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from vm.errors import InputError
from vm.runner.inputs import MAX_PACKET
from vm.runner.layout import ETH_HLEN
from vm.runner.packet import check_size

MAX_PCAP_BYTES: Final = 16 << 20
MAX_PCAP_PACKETS: Final = 1000
_LINKTYPE_ETHERNET: Final = 1
_LINKTYPE_RAW: Final = (12, 14, 101)
_LINKTYPES: Final = {0: "BSD loopback", 105: "802.11", 113: "Linux cooked", 127: "802.11 radiotap", 276: "Linux cooked"}


def checked(data: bytes) -> bytes:
    """`data` itself; InputError if the kernel would not accept it as a packet."""
    check_size(data)
    return data


# -- hex ------------------------------------------------------------------------------------------------


def from_hex(text: str, *, minimum: int = ETH_HLEN) -> bytes:
    """Bytes written as hex digits; spaces, colons, commas, line ends and 0x before a byte do not matter.

    InputError says which character is no digit, that a digit is missing, or that the size is wrong.
    """
    if len(text) > 8 * MAX_PACKET:
        raise InputError(f"The hex text has {len(text):,} characters; a packet has at most {MAX_PACKET:,} bytes.")
    digits = re.sub(r"0[xX]|[\s:,;_-]", "", text)
    wrong = re.search(r"[^0-9a-fA-F]", digits)
    if wrong:
        at = text.index(wrong[0])
        raise InputError(f"{wrong[0]!r} (character {at + 1}) is no hex digit.", column=at + 1)
    if len(digits) % 2:
        raise InputError(f"There are {len(digits)} hex digits: an odd number, so half a byte is missing.")
    data = bytes.fromhex(digits)
    if minimum:
        return checked(data)
    if len(data) > MAX_PACKET:
        raise InputError(f"There are {len(data):,} bytes; the most is {MAX_PACKET:,}.")
    return data


# -- capture files --------------------------------------------------------------------------------------


def from_pcap(data: bytes) -> list[bytes]:
    """Packets of a pcap or pcapng file, as they would come from the wire (at most MAX_PCAP_PACKETS).

    Raw IP captures get an Ethernet header; packets shorter than one are left out. InputError for what is no capture.
    """
    if len(data) > MAX_PCAP_BYTES:
        raise InputError(f"The capture has {len(data):,} bytes; the most is {MAX_PCAP_BYTES >> 20} MiB.")
    found: list[bytes] = []
    for link, packet in _frames(data):
        frame = _as_ethernet(link, packet)
        if ETH_HLEN <= len(frame) <= MAX_PACKET:
            found.append(frame)
        if len(found) >= MAX_PCAP_PACKETS:
            break
    if not found:
        raise InputError("The capture holds no packet that could be run.")
    return found


def _frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    magic = data[:4]
    if magic == b"\x0a\x0d\x0d\x0a":
        return _pcapng(data)
    for order in "<>":
        if magic in (struct.pack(order + "I", 0xA1B2C3D4), struct.pack(order + "I", 0xA1B23C4D)):
            return _pcap(data, order)
    raise InputError("This is no pcap file: it starts with neither pcap's nor pcapng's magic number.")


def _pcap(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    if len(data) < 24:
        raise InputError("The pcap file ends inside its header.")
    link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        at += 16
        if size > len(data) - at:
            raise InputError(f"The pcap file is cut off: a packet of {size} bytes has {len(data) - at} left.")
        yield link, data[at : at + size]
        at += size


def _pcapng(data: bytes) -> Iterator[tuple[int, bytes]]:
    order, at = "<", 0
    links: list[int] = []
    while at + 12 <= len(data):
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links = []
        kind, length = struct.unpack_from(order + "II", data, at)
        if length < 12 or length % 4 or length > len(data) - at:
            raise InputError(f"The pcapng file is damaged: a block at byte {at} says it has {length} bytes.")
        if kind == 1 and length >= 20:
            links.append(struct.unpack_from(order + "H", data, at + 8)[0])
        elif kind == 6 and length >= 32:
            interface, _, _, size = struct.unpack_from(order + "IIII", data, at + 8)
            if size > length - 32 or interface >= len(links):
                raise InputError(f"The pcapng file is damaged: a packet at byte {at} does not fit its block.")
            yield links[interface], data[at + 28 : at + 28 + size]
        elif kind == 3 and length >= 16 and links:
            size = min(struct.unpack_from(order + "I", data, at + 8)[0], length - 16)
            yield links[0], data[at + 12 : at + 12 + size]
        at += length


def _as_ethernet(link: int, packet: bytes) -> bytes:
    if link == _LINKTYPE_ETHERNET:
        return packet
    if link in _LINKTYPE_RAW:
        kind = b"\x86\xdd" if packet[:1] and packet[0] >> 4 == 6 else b"\x08\x00"
        return bytes(12) + kind + packet
    name = _LINKTYPES.get(link, f"link type {link}")
    raise InputError(f"The capture is of {name} frames; only Ethernet and raw IP captures can be run.")


# -- the form -------------------------------------------------------------------------------------------

Fields = Mapping[str, Any]

_MAC: Final = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_TCP_FLAGS: Final = "FSRPAUECN"


def from_form(form: Mapping[str, Any]) -> bytes:
    """A packet from a form: {"eth": {...}, "ip": {...} or "ipv6": {...}, "tcp" | "udp" | "icmp": {...}, "payload": …}.

    eth: src, dst, type; ip: src, dst, ttl, tos, id, proto; ipv6: src, dst, hlim, nh; tcp: sport, dport, flags
    ("SA"), seq, ack, window; udp: sport, dport; icmp: type, code, id, seq; vlan: id, prio. Lengths and checksums
    are made. `payload` is text, {"text": …} or {"hex": …}. InputError names the field that is wrong.
    """
    unknown = set(form) - {"eth", "vlan", "ip", "ipv6", "tcp", "udp", "icmp", "payload"}
    if unknown:
        raise InputError(f"A packet form has no part {sorted(unknown)[0]!r}.")
    if "ip" in form and "ipv6" in form:
        raise InputError("A packet has an IPv4 or an IPv6 header, not both.")
    upper = [name for name in ("tcp", "udp", "icmp") if name in form]
    if len(upper) > 1:
        raise InputError(f"A packet has one transport header, not {' and '.join(upper)}.")
    layers = _layers(form)
    packet = layers[0]
    for layer in layers[1:]:
        packet = packet / layer
    try:
        data = bytes(packet)
    except Exception as error:  # scapy raises whatever its fields raise (struct.error, OSError, TypeError …)
        raise InputError(f"The packet cannot be built: {error}") from None
    return checked(data.ljust(ETH_HLEN, b"\0"))


def _layers(form: Mapping[str, Any]) -> list[Any]:
    # Imported here, and only these layers: scapy.all takes most of a second.
    from scapy.layers.inet import ICMP, IP, TCP, UDP
    from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
    from scapy.layers.l2 import Dot1Q, Ether
    from scapy.packet import Raw

    six = "ipv6" in form
    eth = _part(form, "eth", {"src": _mac, "dst": _mac, "type": _number(0xFFFF)})
    eth.setdefault("src", "02:00:00:00:00:01")
    eth.setdefault("dst", "02:00:00:00:00:02")
    layers: list[Any] = [Ether(**eth)]
    if "vlan" in form:
        layers.append(Dot1Q(**_renamed(_part(form, "vlan", {"id": _number(0xFFF), "prio": _number(7)}), id="vlan")))
    if six:
        parts = {"src": _ipv6, "dst": _ipv6, "hlim": _number(255), "nh": _number(255)}
        layers.append(IPv6(**_part(form, "ipv6", parts)))
    elif "ip" in form:
        parts = {"src": _ipv4, "dst": _ipv4, "ttl": _number(255), "tos": _number(255), "id": _number(0xFFFF),
                 "proto": _number(255)}  # fmt: skip
        layers.append(IP(**_part(form, "ip", parts)))
    port = _number(0xFFFF)
    if "tcp" in form:
        word = _number(0xFFFFFFFF)
        parts = {"sport": port, "dport": port, "flags": _flags, "seq": word, "ack": word, "window": port}
        layers.append(TCP(**_part(form, "tcp", parts)))
    elif "udp" in form:
        layers.append(UDP(**_part(form, "udp", {"sport": port, "dport": port})))
    elif "icmp" in form:
        byte = _number(255)
        fields = _part(form, "icmp", {"type": byte, "code": byte, "id": port, "seq": port})
        layers.append(ICMPv6EchoRequest(**fields) if six else ICMP(**fields))
    payload = _payload(form.get("payload", b""))
    if payload:
        layers.append(Raw(payload))
    return layers


def _part(form: Mapping[str, Any], name: str, fields: Mapping[str, Callable[[str, Any], Any]]) -> dict[str, Any]:
    given = form.get(name)
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InputError(f"{name} of the packet form must hold fields.")
    found = {}
    for key, value in given.items():
        if key not in fields:
            raise InputError(f"{name} has no field {key!r}; it has {', '.join(fields)}.")
        if value not in ("", None):
            found[key] = fields[key](f"{name}.{key}", value)
    return found


def _renamed(fields: dict[str, Any], **names: str) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in fields.items()}


def _number(most: int) -> Callable[[str, Any], int]:
    def number(name: str, value: Any) -> int:
        try:
            found = int(value, 0) if isinstance(value, str) else int(value)
        except (TypeError, ValueError):
            raise InputError(f"{name}: {value!r} is no number.") from None
        if not 0 <= found <= most:
            raise InputError(f"{name}: {found} is outside 0 to {most}.")
        return found

    return number


def _mac(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _MAC.fullmatch(value):
        raise InputError(f"{name}: {value!r} is no Ethernet address (02:00:00:00:00:01).")
    return value


def _ipv4(name: str, value: Any) -> str:
    return _address(name, value, 4)


def _ipv6(name: str, value: Any) -> str:
    return _address(name, value, 6)


def _address(name: str, value: Any, version: int) -> str:
    import ipaddress

    try:
        found = ipaddress.ip_address(value if isinstance(value, str) else "")
    except ValueError:
        found = None
    if found is None or found.version != version:
        raise InputError(f"{name}: {value!r} is no IPv{version} address.")
    return str(found)


def _flags(name: str, value: Any) -> str | int:
    if isinstance(value, str) and set(value.upper()) <= set(_TCP_FLAGS):
        return value.upper()
    number: int = _number(0x1FF)(name, value)
    return number


def _payload(value: Any) -> bytes:
    if isinstance(value, Mapping) and set(value) == {"hex"} and isinstance(value["hex"], str):
        return from_hex(value["hex"], minimum=0)
    if isinstance(value, Mapping) and set(value) == {"text"}:
        value = value["text"]
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise InputError('payload must be text, or {"hex": digits}.')
