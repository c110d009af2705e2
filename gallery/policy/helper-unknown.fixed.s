.type xdp
	call bpf_get_prandom_u32
	r0 = 2
	exit
