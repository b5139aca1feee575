#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# The second guest of a pair: does what the first says (on b ...) until told to leave. Each connection to port 9000 is
# one shell command, with its status as the last line.
cat > /tmp/serve << 'END'
#!/bin/sh
read -r command
sh -c "$command" 2>&1 < /dev/null
echo "@@rc=$?"
END
chmod +x /tmp/serve
nc -ll -p 9000 -e /tmp/serve &
until [ -e /tmp/leave ]; do usleep 100000; done
