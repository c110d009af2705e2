#!/bin/sh
# nginx that knows the addresses of all web containers: they are looked up every 2 s, as any may be started again.
# A visitor is sent to the same one as long as it answers, for it keeps the files that he uploads.
set -eu

write() {
    found=$(getent ahostsv4 web | awk '$2 == "STREAM" { print $1 }' | sort -u || true)
    [ -n "$found" ] || return 1
    {
        echo "upstream web {"
        echo "    hash \$http_x_forwarded_for\$remote_addr consistent;"
        for each in $found; do echo "    server $each:8000 max_fails=1 fail_timeout=2s;"; done
        echo "}"
    } > /tmp/new.conf
}

until write; do sleep 1; done
mv /tmp/new.conf /tmp/upstream.conf
nginx -c /nginx.conf &
server=$!
trap 'kill -QUIT $server; wait $server; exit 0' TERM INT
while kill -0 $server; do
    sleep 2 &
    wait $!
    if write && ! cmp -s /tmp/new.conf /tmp/upstream.conf; then
        mv /tmp/new.conf /tmp/upstream.conf
        nginx -c /nginx.conf -s reload
    fi
done
