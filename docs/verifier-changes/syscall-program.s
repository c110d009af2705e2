; A program of the type syscall.
.type syscall
    r0 = 0
    exit
