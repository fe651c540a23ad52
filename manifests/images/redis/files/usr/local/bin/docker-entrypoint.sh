#!/bin/sh
# `redis-server [file.conf] [--option ...]`; options alone, or a .conf file alone, mean redis-server too.
set -eu
case ${1-} in
-* | *.conf) set -- redis-server "$@" ;;
esac

if [ "${1-}" = redis-server ]; then
	if [ "$(id -u)" = 0 ]; then
		find . \! -user redis -exec chown redis:redis {} + || :
		exec setpriv --reuid=redis --regid=redis --init-groups "$0" "$@"
	fi
	# Redis would refuse other pods while it has no password, unless the user's own configuration decides.
	shift
	case ${1-} in
	*.conf)
		file=$1
		shift
		if grep -qs '^[[:space:]]*protected-mode' "$file"; then
			set -- "$file" "$@"
		else
			set -- "$file" --protected-mode no "$@"
		fi
		;;
	*) set -- --protected-mode no "$@" ;;
	esac
	set -- redis-server "$@"
fi
exec "$@"
