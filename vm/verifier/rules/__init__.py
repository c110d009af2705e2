"""Every reason for which a program is rejected, as data: the kernel's message, and what would have been accepted.

`rule` defines the value; one module a topic holds the rules as module constants; `catalogue` collects them.
"""
