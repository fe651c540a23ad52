#!/bin/sh
# Run the scripts that a derived configuration mounted, then the command as this process.
set -eu
case ${1-} in
nginx | nginx-debug)
	for script in /docker-entrypoint.d/*.sh; do
		[ ! -x "$script" ] || "$script"
	done
	;;
esac
exec "$@"
