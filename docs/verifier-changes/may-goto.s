; A loop that the instruction may_goto bounds.
.type socket
    r0 = 0
again:
    may_goto out
    r0 += 1
    goto again
out:
    r0 = 0
    exit
