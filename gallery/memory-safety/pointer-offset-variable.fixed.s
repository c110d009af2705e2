; Each way reads a field at a constant offset.
.type xdp
	r2 = *(u32 *)(r1 + 12)
	r2 &= 4
	if r2 == 0 goto first
	r0 = *(u32 *)(r1 + 16)
	exit
first:
	r0 = *(u32 *)(r1 + 12)
	exit
