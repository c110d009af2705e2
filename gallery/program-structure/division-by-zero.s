.type xdp
	r0 = 2
	r0 /= 0
	exit
