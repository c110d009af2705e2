; r0 is the result, but only one of the two ways to exit writes it.
.type xdp
	r2 = *(u32 *)(r1 + 0)
	r3 = *(u32 *)(r1 + 4)
	if r2 == r3 goto out
	r0 = 2
out:
	exit
