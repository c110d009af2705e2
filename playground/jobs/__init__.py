"""Runs: queued, executed by worker processes with limits, recorded, and followed by sockets.

service   what views and consumers use: start a run, find one, read a stored one
pool      the worker processes and their queue
process   handle of one worker process: start, frames, resource usage, kill
worker    the worker itself; imports vm, never Django
record    the messages of a run: frames in a file, an index in memory
store     finished records on disk, by request
broker    the web process's side of workers on other machines: who may start, what jobs say
taker     their side: jobs that Celery takes are run by a pool
engine    the Celery application, its queues, and names in Redis
streams   what a job says, in Redis
carry     uploaded files, through Redis
signed    signatures of all that
storage   messages for files that cannot be stored or read
frames    the format of messages between worker, file and socket
"""
