"""Runs: queued, executed by worker processes with limits, recorded, and followed by sockets.

service   what views and consumers use: start a run, find one, read a stored one
pool      the worker processes and their queue
process   handle of one worker process: start, frames, resource usage, kill
worker    the worker itself; imports vm, never Django
record    the messages of a run: frames in a file, an index in memory
store     finished records on disk, by request
storage   messages for files that cannot be stored or read
frames    the format of messages between worker, file and socket
"""
