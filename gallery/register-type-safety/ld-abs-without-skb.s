.type socket
	r6 = r10
	r0 = *(u8 *)skb[14]
	exit
