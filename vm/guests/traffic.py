"""The workload `network`, as lines of busybox's shell."""

from __future__ import annotations

from typing import Final

CLIENT: Final = 100
SERVER: Final = 101
"""The descriptors that workloads have of a TCP connection's two ends, where the object has a map for its sockets."""
# Each side is asked by the other one: packets of requests and of answers come in at both ends. Where the guest has no
# pair of devices, all of it is on the loopback device. busybox has no server for UDP: DNS queries are refused, and
# datagrams that arrive are those of /bin/sockets (sockets.c).
NETWORK: Final = "; ".join(
    (
        "b=/bin/busybox; p=; here=127.0.0.1; there=127.0.0.1; $b ip link set lo up",
        "[ -e /peer ] && p='/bin/busybox nsenter --net=/peer' && here=10.0.0.1 && there=10.0.0.2",
        'echo hello >/tmp/page; $b httpd -p 8080 -h /tmp; [ -z "$p" ] || $p $b httpd -p 8080 -h /tmp',
        # Ports that programs often filter, where nobody answers: a program that drops the packets delays nothing else.
        "{ $p $b timeout 1 $b nslookup bpf.test $here >/dev/null 2>&1 & }",
        "{ $p $b timeout 1 $b wget -q -O /dev/null http://$here/ 2>/dev/null & }",
        "for i in 1 2 3; do $b wget -q -O /dev/null http://$there:8080/page",
        "$p $b wget -q -O /dev/null http://$here:8080/page; $b timeout 1 $b nslookup bpf.test $there >/dev/null 2>&1",
        "done; $b ping -c 3 -i 0.1 -W 1 $there; $p $b ping -c 3 -i 0.1 -W 1 $here",
        # IPv6, and other traffic for cgroup hooks: sockets of both protocols, unix sockets, sysctls.
        "$b httpd -p [::1]:8081 -h /tmp; $b wget -q -O /dev/null http://[::1]:8081/page; $b ping6 -c 1 ::1",
        "$b httpd -p 127.0.0.1:8082 -h /tmp; $b wget -q -O /dev/null http://127.0.0.1:8082/page",
        "for i in ::1 127.0.0.1; do $b timeout 1 $b nslookup bpf.test $i >/dev/null 2>&1; done",
        "$b traceroute -n -m 1 -q 1 -w 1 127.0.0.1; $b traceroute6 -n -m 1 -q 1 -w 1 ::1",
        "$b cat /proc/sys/kernel/ostype; $b syslogd; $b logger hello; /bin/sockets",
        "[ ! -e /sys/class/net/nk0 ] || $b ping -c 3 -i 0.1 -W 1 10.0.1.2",
        f"[ ! -e /proc/self/fd/{CLIENT} ] || for i in 1 2; do echo request >&{CLIENT}",
        f"$b timeout 1 $b head -n 1 <&{SERVER} >/dev/null; echo answer >&{SERVER}",
        f"$b timeout 1 $b head -n 1 <&{CLIENT} >/dev/null; done",
        "$b sleep 0.2; $b killall busybox 2>/dev/null; true",
    )
)
