"""struct xdp_md to struct xdp_buff (xdp_convert_ctx_access), struct bpf_xdp_sock to struct xdp_sock."""

from __future__ import annotations

from typing import Final

from vm.verifier.fixups.ctx.recipe import Table, read, table

XDP: Final[Table] = table(
    "xdp_md",
    {
        "data": read("xdp_buff.data"),
        "data_meta": read("xdp_buff.data_meta"),
        "data_end": read("xdp_buff.data_end"),
        "ingress_ifindex": read("xdp_buff.rxq", "xdp_rxq_info.dev", "net_device.ifindex"),
        "rx_queue_index": read("xdp_buff.rxq", "xdp_rxq_info.queue_index"),
        "egress_ifindex": read("xdp_buff.txq", "xdp_txq_info.dev", "net_device.ifindex"),
    },
)
XDP_SOCK: Final[Table] = table("bpf_xdp_sock", {"queue_id": read("xdp_sock.queue_id")})
