; r0 is written before the paths part.
.type xdp
	r0 = 1
	r2 = *(u32 *)(r1 + 0)
	r3 = *(u32 *)(r1 + 4)
	if r2 == r3 goto out
	r0 = 2
out:
	exit
