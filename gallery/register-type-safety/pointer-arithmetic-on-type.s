; data_end is moved instead of data.
.type xdp
	r2 = *(u32 *)(r1 + 0)
	r3 = *(u32 *)(r1 + 4)
	r3 += -14
	r0 = 1
	if r2 > r3 goto out
	r0 = 2
out:
	exit
