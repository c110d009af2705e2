"""A socket filter's packet begins where its socket takes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.vm.runner.programs import EXIT, SOCKET_FILTER, TC, ldx, movr, program
from vm import pipeline
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.runner.execution import Execution
from vm.runner.inputs import PacketInput, RunLimits
from vm.runner.sockets import SOCKETS, receive

MAC = bytes.fromhex("020000000002 020000000001")
IP = bytes.fromhex("4500 0020 00000000 4011 0000 c0000201 c0000202")
WITH_OPTIONS = bytes.fromhex("4600 0024 00000000 4006 0000 c0000201 c0000202 01010101")
UDP = bytes.fromhex("3039 0035 000c 0000") + b"data"
IPV6 = bytes.fromhex("60000000 000c 11 40") + bytes(32)
HOP_BY_HOP = bytes.fromhex("60000000 0014 00 40") + bytes(32) + bytes.fromhex("1100010400000000")
PACKET = MAC + b"\x08\x00" + IP + UDP
PROTOCOL, LEN, PKT_TYPE, VLAN_PRESENT, VLAN_TCI, VLAN_PROTO = 16, 0, 4, 20, 24, 28


def load(size: int, offset: int) -> Sequence[Insn]:
    return movr(6, 1), Insn(o.LD | o.ABS | size, 0, 0, 0, offset), EXIT


def run(
    insns: Sequence[Insn], packet: bytes, socket: str, engine: str = "interpreter", kind: int = SOCKET_FILTER
) -> Execution:
    verification, env = pipeline.verify(program(*insns, prog_type=kind))
    assert verification.verdict == "accept", verification.log
    rewritten = pipeline.rewrite(env)
    image = pipeline.translate(rewritten) if engine == "jit" else None
    return pipeline.execute(rewritten, image, [PacketInput(packet, socket=socket)], RunLimits())[0]


@pytest.mark.parametrize("engine", ["jit", "interpreter"])
@pytest.mark.parametrize(
    ("socket", "first", "length"),
    [("packet", MAC[0], 46), ("dgram", 0x45, 32), ("ip", 0x45, 32), ("transport", 0x30, 12), ("test_run", 0x45, 32)],
)
def test_the_first_byte_and_the_length(socket: str, first: int, length: int, engine: str) -> None:
    assert run(load(o.B, 0), PACKET, socket, engine).r0 == first
    assert run([ldx(o.W, 0, 1, LEN), EXIT], PACKET, socket, engine).r0 == length
    assert run([ldx(o.W, 0, 1, PROTOCOL), EXIT], PACKET, socket, engine).r0 == 8
    # Offsets from the link layer's and the network's header are the same wherever the data begins.
    assert run(load(o.H, -0x200000 + 12), PACKET, socket, engine).r0 == 0x0800
    assert run(load(o.B, -0x100000 + 9), PACKET, socket, engine).r0 == 17


def test_a_packet_socket_is_what_nobody_has_to_ask_for() -> None:
    # samples/bpf/sockex1: load_byte(skb, ETH_HLEN + offsetof(struct iphdr, protocol))
    assert PacketInput(PACKET).socket == "packet"
    assert run(load(o.B, 14 + 9), PACKET, "packet").r0 == 17


@pytest.mark.parametrize("socket", SOCKETS)
def test_the_packet_is_given_back_whole(socket: str) -> None:
    x = run(load(o.B, 0), PACKET, socket)
    assert x.packet_out == (bytes(14) + PACKET[14:] if socket == "test_run" else PACKET)


@pytest.mark.parametrize(
    ("packet", "start", "first"),
    [
        (MAC + b"\x08\x00" + WITH_OPTIONS + UDP, 14 + 24, UDP),
        (MAC + b"\x86\xdd" + IPV6 + UDP, 14 + 40, UDP),
        (MAC + b"\x86\xdd" + HOP_BY_HOP + UDP, 14 + 48, UDP),
    ],
)
def test_where_the_transport_header_is(packet: bytes, start: int, first: bytes) -> None:
    received = receive(packet, "transport")
    assert (received.start, received.data[received.start :]) == (start, first)


def test_a_vlan_tag_is_beside_the_packet() -> None:
    tagged = MAC + bytes.fromhex("8100 6007 0800") + IP + UDP
    for field, want in ((LEN, 46), (PROTOCOL, 8), (VLAN_PRESENT, 1), (VLAN_TCI, 0x6007), (VLAN_PROTO, 0x81)):
        assert run([ldx(o.W, 0, 1, field), EXIT], tagged, "packet").r0 == want
    assert run([ldx(o.W, 0, 1, LEN), EXIT], tagged, "test_run").r0 == 36
    assert run(load(o.B, 14 + 9), tagged, "packet").r0 == 17
    assert run(load(o.B, 0), tagged, "packet").packet_out == tagged


def test_packets_for_this_host() -> None:
    pkt_type = [ldx(o.W, 0, 1, PKT_TYPE), EXIT]
    assert {socket: run(pkt_type, PACKET, socket).r0 for socket in SOCKETS} == dict.fromkeys(SOCKETS, 0) | {
        "test_run": 3
    }
    broadcast = PacketInput(b"\xff" * 6 + PACKET[6:], ingress_ifindex=2)
    [x] = pipeline.execute(
        pipeline.unverified(program(*pkt_type, prog_type=SOCKET_FILTER)), None, [broadcast], RunLimits()
    )
    assert x.r0 == 1


@pytest.mark.parametrize(
    ("packet", "socket", "said"),
    [
        (MAC + b"\x08\x06" + bytes(28), "ip", "This is no IP packet"),
        (MAC + b"\x08\x00" + b"\x45", "transport", "This is no IP packet"),
        (MAC + b"\x08\x00" + IP[:9] + b"\x01" + IP[10:], "transport", "This is no UDP or TCP packet"),
        (MAC + b"\x86\xdd" + HOP_BY_HOP[:41] + b"\xff" + HOP_BY_HOP[42:], "transport", "This is no UDP or TCP packet"),
        (PACKET, "raw", "There is no socket 'raw'; a filter's socket is one of packet, dgram, ip, transport, test_run"),
    ],
)
def test_what_a_socket_never_gets(packet: bytes, socket: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        run(load(o.B, 0), packet, socket)


def test_other_programs_have_no_socket() -> None:
    assert run([ldx(o.W, 0, 1, LEN), EXIT], PACKET, "transport", kind=TC).r0 == len(PACKET)


SEEN = json.loads((Path(__file__).parents[2] / "golden" / "run" / "sockets" / "seen.json").read_text())
FIELDS = {"len": LEN, "protocol": PROTOCOL, "pkt_type": PKT_TYPE, "vlan_present": VLAN_PRESENT, "vlan_tci": VLAN_TCI,
          "vlan_proto": VLAN_PROTO}  # fmt: skip
LOADS = {"first": 0, "from_mac": -0x200000 + 12, "from_network": -0x100000}


@pytest.mark.parametrize("name", SEEN["packets"])
def test_as_linux_shows_it_to_the_filter_of_a_socket(name: str) -> None:
    """What filters attached to sockets of Linux 6.12 saw (tests/golden/run/sockets/)."""
    packet = bytes.fromhex(SEEN["packets"][name]["bytes"])
    for socket, row in SEEN["packets"][name]["seen"].items():
        if (
            row is None
        ):  # the socket never got it; here a tagged one comes from the VLAN's device, which that guest has not
            continue
        for field, want in zip(SEEN["fields"], row, strict=True):
            program = [ldx(o.W, 0, 1, FIELDS[field]), EXIT] if field in FIELDS else load(o.H, LOADS[field])
            assert (socket, field, run(program, packet, socket).r0) == (socket, field, want)
