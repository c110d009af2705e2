.type xdp
	r2 = *(u32 *)(r1 + 0)
	r3 = *(u32 *)(r1 + 4)
	r0 = 1
	r2 += 1
	if r2 > r3 goto out
	r0 = *(u8 *)(r2 - 1)
out:
	exit
