#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__noinline int caught(struct irq_info *info __arg_trusted)
{
    return 0;
}

SEC("tp_btf/task_newtask")
__attribute__((btf_decl_tag("exception_callback:caught")))
int check(void *ctx)
{
    if (bpf_get_smp_processor_id() > 4)
        bpf_throw(0);
    return 0;
}

char _license[] SEC("license") = "GPL";
