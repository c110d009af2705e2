; The comparison the other way round, with a smaller number.
.type xdp
	r2 = *(u32 *)(r1 + 12)
	r3 = *(u32 *)(r1 + 0)
	r0 = 1
	if r2 > 64 goto out
	r3 += r2
out:
	exit
