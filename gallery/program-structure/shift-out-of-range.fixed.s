.type xdp
	r0 = 2
	r0 <<= 63
	r0 = 2
	exit
